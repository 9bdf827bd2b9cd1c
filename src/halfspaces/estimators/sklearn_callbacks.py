"""scikit-learn's callbacks, such as its ProgressBar, hear of every iterate of a fit.

The protocol came with scikit-learn 1.9 and is experimental there: before, nothing of it is there.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from halfspaces.loop.result import Reason
from halfspaces.loop.run import Callback, Run

try:
    from sklearn.callback import CallbackSupportMixin  # pyright: ignore

    # Its decorator `with_callbacks` has the same effect, but warnings of a fit would name its file
    # instead of their caller's.
    from sklearn.callback._callback_support import callback_management_context  # pyright: ignore
except ImportError:

    class CallbackSupportMixin:
        """Nothing, before scikit-learn 1.9."""

    def callback_management_context(estimator: Any) -> AbstractContextManager[None]:
        """Nothing, before scikit-learn 1.9."""
        return nullcontext()


@contextmanager
def heard_by_callbacks(estimator: Any, X: Any, y: Any) -> Iterator[list[Callback]]:
    """The callbacks of a run that report its iterates to the estimator's callbacks.

    Empty for an estimator without any: such a fit costs nothing more.
    """
    listens = getattr(estimator, "_skl_callbacks", None)
    if not listens and not hasattr(estimator, "_parent_callback_ctx"):
        yield []
        return
    with callback_management_context(estimator):
        context = estimator._init_callback_context(max_subtasks=None)
        context.call_on_fit_task_begin(estimator=estimator, X=X, y=y)

        def iterate(run: Run) -> Reason | None:
            step = context.subcontext(task_name="iterate")
            step.call_on_fit_task_begin(estimator=estimator, X=X, y=y)
            stop = step.call_on_fit_task_end(estimator=estimator, X=X, y=y)
            return Reason.STOPPED_BY_CALLBACK if stop else None

        yield [iterate]
        context.call_on_fit_task_end(estimator=estimator, X=X, y=y)

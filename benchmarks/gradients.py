"""Gradient checks on a bank of right and wrong gradients: ours, torch's and SciPy's.

The bank is that of the tests: functions that have deceived gradient checks, and losses as students
write them. torch's `gradcheck` has its default steps and tolerances; SciPy's `check_grad` returns
the length of the error, and 1e-5 of the gradient's length, at least 1e-5, counts as right.
"""

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from benchmarks.store import Store
from halfspaces.gradcheck import diagnose
from halfspaces.gradcheck.parameters import Layout
from halfspaces.gradcheck.user_function import UserFunction, of_function
from tests.gradcheck.bank import RIGHT, WRONG
from tests.gradcheck.course import CORRECT, GIVEN, MISTAKES, few_rows, network, parameters

DTYPES = {"float64": np.float64, "float32": np.float32, "float16": np.float16}
UNFIT = ("a_redrawn_mask", "a redrawn mask, 0", "tensors", "tensors, one flipped")
NEAR = 1e-5


class Case(NamedTuple):
    name: str
    is_right: bool
    hint: str | None  # None where no hint is expected
    function: Callable[..., Any]
    W: Any
    options: Mapping[str, Any]


def cases(dtype: Any) -> Iterator[Case]:
    """The bank in one type; functions that draw at random, and tensors, are left out.

    In float16 only the losses of the course, whose values it can hold.
    """
    if dtype != np.float16:
        yield from _deceivers(dtype)
    for name, make in CORRECT.items():
        if dtype != np.float16 or "times" not in name:
            yield Case(name, True, None, make(dtype), None, {})
    for activation in ("relu", "tanh"):
        loss = network(dtype, activation=activation)
        yield Case(f"network, {activation}", True, None, loss, parameters(), few_rows())
    for name, (make, hint) in MISTAKES.items():
        yield Case(name, False, hint, make(dtype), None, {})
    for name, (make, hint) in GIVEN.items():
        yield Case(name, False, hint, make(dtype), parameters(), few_rows())


def _deceivers(dtype: Any) -> Iterator[Case]:
    for make in RIGHT:
        if make.__name__ not in UNFIT:
            f, gradient, W = make(dtype)
            yield Case(make.__name__, True, None, f, W, {"gradient": _callable(gradient)})
    for name, make in WRONG.items():
        if name not in UNFIT:
            f, gradient, W = make(dtype)
            yield Case(name, False, None, f, W, {"gradient": _callable(gradient)})


def _callable(gradient: Any) -> Callable[[Any], Any]:
    return gradient if callable(gradient) else lambda _: gradient


def run(store: Store, *, quick: bool) -> None:
    """Verdicts of each checker on the bank."""
    for name, dtype in list(DTYPES.items())[: 1 if quick else None]:
        bank = list(cases(dtype))
        rows = {"halfspaces": _ours(bank)}
        for title, check in (("torch gradcheck", _torch), ("scipy check_grad", _scipy)):
            rows[title] = _judged(bank, check)
        for title, row in rows.items():
            store.put("gradients", f"{name}, {title}", row)
            print(f"  {name}, {title}: {row}", flush=True)


def _counted(bank: list[Case], verdicts: list[str], seconds: float) -> dict[str, Any]:
    right = [v for case, v in zip(bank, verdicts, strict=True) if case.is_right]
    wrong = [v for case, v in zip(bank, verdicts, strict=True) if not case.is_right]
    return {
        "right": len(right),
        "right ones called wrong": right.count("wrong"),
        "right ones undecided": right.count("cannot tell"),
        "wrong": len(wrong),
        "wrong ones called right": wrong.count("right"),
        "wrong ones undecided": wrong.count("cannot tell"),
        "seconds": round(seconds, 1),
    }


def _ours(bank: list[Case]) -> dict[str, Any]:
    started = time.perf_counter()
    verdicts: list[str] = []
    expected = sum(case.hint is not None for case in bank)
    named = 0
    for case in bank:
        try:
            diagnosis = diagnose(case.function, case.W, **case.options)
        except (ValueError, TypeError):  # f(W) is not finite in float16
            verdicts.append("cannot tell")
            continue
        verdicts.append(diagnosis.outcome)
        if case.hint is not None:
            named += [hint.name for hint in diagnosis.hints][:1] == [case.hint]
    row = _counted(bank, verdicts, time.perf_counter() - started)
    return {**row, "bugs named": f"{named} of {expected}"}


def _judged(bank: list[Case], check: Callable[[UserFunction], bool]) -> dict[str, Any]:
    started = time.perf_counter()
    verdicts: list[str] = []
    for case in bank:
        subject = of_function(case.function, case.W, **case.options)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                verdicts.append("right" if check(subject) else "wrong")
            except Exception:
                verdicts.append("wrong")  # an error is an answer, too
    return _counted(bank, verdicts, time.perf_counter() - started)


def _scipy(subject: UserFunction) -> bool:
    from scipy.optimize import check_grad

    layout = Layout.of(subject.W, None)

    def f(at: np.ndarray) -> float:
        return float(np.real(subject.f(layout.unpack(at))))

    def gradient(at: np.ndarray) -> np.ndarray:
        return np.real(layout.pack(subject.gradient(layout.unpack(at)), "gradient"))

    at = layout.pack_real(subject.W, "W")
    error = check_grad(f, gradient, at)
    return bool(error <= NEAR * max(1.0, np.linalg.norm(gradient(at))))


def _torch(subject: UserFunction) -> bool:
    import torch

    layout = Layout.of(subject.W, None)

    class Wrapped(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, W: Any) -> Any:
            ctx.save_for_backward(W)
            return torch.tensor(
                float(np.real(subject.f(layout.unpack(W.detach().numpy())))), dtype=torch.float64
            )

        @staticmethod
        def backward(ctx: Any, *slopes: Any) -> Any:
            (W,) = ctx.saved_tensors
            values = layout.pack(subject.gradient(layout.unpack(W.numpy())), "gradient")
            return slopes[0] * torch.tensor(np.real(values))

    at = torch.tensor(layout.pack_real(subject.W, "W"), requires_grad=True)
    return bool(torch.autograd.gradcheck(Wrapped.apply, (at,), raise_exception=False))

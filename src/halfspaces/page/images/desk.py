"""The part of a page that trains: it starts and stops trainings, and answers for their results."""

import base64
from collections.abc import Callable, Mapping, Sequence
from os.path import expanduser
from threading import RLock, Thread
from typing import Literal

from pydantic import ConfigDict, validate_call

from halfspaces.features import FEATURES
from halfspaces.losses import LOSSES
from halfspaces.page.images.inspection import Inspection
from halfspaces.page.images.pictures import templates
from halfspaces.page.images.trainer import Parts, Trained, Trainer
from halfspaces.page.images.watch import Curve, Watch, confusion
from halfspaces.page.view import plain
from halfspaces.page.wording import PageError
from halfspaces.penalties import PENALTIES
from halfspaces.system.names import check_name
from halfspaces.system.words import DEFAULT

Push = Callable[[Parts], None]

PREFIX = "images."
BUNDLED = "digits"
BUSY = ("reading", "describing", "training")
MOST_BYTES = 10_000_000  # of a download
MOST_CHARACTERS = 4096  # of a path
STRICT = ConfigDict(strict=True, arbitrary_types_allowed=True)
OF_TRAINING = ("dataset", "curve", "now", "candidates", "templates", "confusion", "result")
NOTHING: Parts = dict.fromkeys((*OF_TRAINING, "rows", "inspected", "jiggle"))


class Desk:
    """Trainings of one page, one at a time, each in a thread of its own.

    Parameters
    ----------
    push : callable
        Sends parts of the page; called from the thread of a training.
    offered : sequence of str
        Data that can be chosen by name; others are opened only if the user types their path.
    trainer : Trainer

    Examples
    --------
    >>> def refuses(options, watcher):
    ...     raise ValueError("No data.")
    >>> pushed = []
    >>> desk = Desk(pushed.append, [], refuses)
    >>> desk.answer({"do": "images.train", "data": "digits"})
    {'show': {'images': {}}}
    >>> desk.wait()
    >>> [message["show"]["images"]["status"] for message in pushed]
    [{'phase': 'reading'}, {'phase': 'failed', 'text': 'No data.'}]
    """

    def __init__(self, push: Push, offered: Sequence[str], trainer: Trainer) -> None:
        self.push = push
        self.trainer = trainer
        self.lock = RLock()
        self.watch: Watch | None = None
        self.thread: Thread | None = None
        self.inspection: Inspection | None = None
        self.parts: Parts = {
            "choices": {
                "data": [BUNDLED, *offered],
                "features": list(FEATURES),
                "loss": list(LOSSES),
                "penalty": [name for name, kind in PENALTIES.items() if kind.has_strength],
            },
            "status": {"phase": "idle"},
        }

    def answer(self, message: Parts) -> Parts:
        """Do what a page asks for; the answer has the parts that changed, and perhaps a file.

        Raises
        ------
        PageError, ValidationError
            For what cannot be done; nothing has changed then.
        """
        do = message["do"]
        name = do.removeprefix(PREFIX)
        if name not in ACTIONS:
            raise PageError("error.no_action", name=do[:MOST_CHARACTERS])
        arguments = {key: value for key, value in message.items() if key not in ("id", "do")}
        changed = ACTIONS[name](self, **arguments)
        file = changed.pop("file", None)
        answer: Parts = {"show": {"images": changed}}
        return answer if file is None else answer | {"file": file}

    def stop(self) -> None:
        """Ask the training that goes on to end with the best so far."""
        with self.lock:
            if self.watch is not None:
                self.watch.stop()
                if self.parts["status"]["phase"] in BUSY:
                    self._show(self.watch, {"status": {"phase": "stopping"}})

    def wait(self, seconds: float | None = None) -> None:
        """Wait until the training has ended."""
        if self.thread is not None:
            self.thread.join(seconds)

    def start(self, options: Mapping[str, object], form: Mapping[str, object]) -> None:
        """Start a training, and stop the one before, which is not heard any more.

        All that trainings change is pushed, and not in answers: so a page gets it in order.
        """
        with self.lock:
            self.stop()
            watch = Watch(lambda parts: self._show(watch, parts))
            self.watch = watch
            self.thread = Thread(target=self._run, args=(options, watch), daemon=True)
        self._show(watch, NOTHING | {"form": dict(form), "status": {"phase": "reading"}})
        self.thread.start()

    def show_all(self) -> None:
        """Send all parts, to a page that has none."""
        with self.lock:
            self.push({"show": {"images": self.parts}})

    # --- in the thread of a training --------------------------------------------------------------

    def _run(self, options: Mapping[str, object], watch: Watch) -> None:
        try:
            trained = self.trainer(options, watch)
            inspection = Inspection(trained)
            parts = _results(trained, watch)
        except KeyboardInterrupt:
            self._show(watch, {"status": {"phase": "nothing"}})
        except (Exception, SystemExit) as error:  # whatever it is, the page says it
            text = str(error) or type(error).__name__
            self._show(watch, {"status": {"phase": "failed", "text": text}})
        else:
            self._show(watch, plain(parts), inspection)

    def _show(self, watch: Watch, parts: Parts, inspection: Inspection | None = None) -> None:
        """Send parts of the page, unless another training has begun."""
        with self.lock:
            if watch is not self.watch:
                return
            self.inspection = inspection
            self.parts = self.parts | parts
            self.push({"show": {"images": parts}})


def _results(trained: Trained, watch: Watch) -> Parts:
    """What is shown at the end."""
    classifier = trained.classifier
    result = classifier.result_
    curve = watch.curve
    if not curve.histories:
        curve = Curve()
        curve.follow(result.history)
    drawn = templates(
        classifier.coef_, trained.dataset, trained.feature, trained.names, watch.scale
    )
    return {
        "status": {"phase": "stopped" if watch.is_stopped else "done"},
        "curve": curve.points(),
        "candidates": watch.candidates(),
        "templates": drawn,
        "now": None,
        "confusion": _confusion(trained, watch),
        "result": {
            "accuracy": dict(trained.accuracies),
            "strength": classifier.strength if isinstance(classifier.penalty, str) else None,
            "loss": float(result.loss[0]),
            "data": float(result.data_loss[0]),
            "penalty": float(result.penalty[0]),
            "gap": float(result.gap[0]),
            "reason": result.reason.name.lower(),
            "seconds": result.seconds,
            "optimizer": classifier.optimizer_choice_,
        },
    }


def _confusion(trained: Trained, watch: Watch) -> Parts | None:
    """Of the test rows; without any of the held-out rows at the chosen λ, or of what there is."""
    if trained.part == "train" and watch.confusion is not None:
        return watch.confusion
    classes = trained.classifier.classes_
    return confusion(trained.part, trained.y, trained.predicted, classes, trained.names)


# --- what a page may ask for ----------------------------------------------------------------------

ACTIONS: dict[str, Callable[..., Parts]] = {}


def action(function: Callable[..., Parts]) -> Callable[..., Parts]:
    """Register what a page may ask for; its arguments are checked by type."""
    ACTIONS[function.__name__.rstrip("_")] = validate_call(config=STRICT)(function)
    return function


@action
def open_(desk: Desk) -> Parts:
    """Show everything."""
    desk.show_all()
    return {}


@action
def train(
    desk: Desk,
    data: str,
    features: str = "",
    loss: str = "softmax",
    penalty: str = "l2",
    strengths: str = "",
    dropout: str = "",
    feature_noise: str = "",
    adaptive_l2: bool = False,
) -> Parts:
    """Train on data: a name that is offered, or a path; with the options of the command line."""
    data = data.strip()
    if not data or len(data) > MOST_CHARACTERS:
        raise PageError("images.error.no_data")
    if "://" in data:
        raise PageError("images.error.address")
    check_name("loss", loss, LOSSES)
    check_name("penalty", penalty, PENALTIES)
    options: Parts = {"data": expanduser(data), "loss": loss, "penalty": penalty}
    if features.strip():
        options["features"] = features.strip()
    if strengths.strip():
        options["strengths"] = strengths.strip()
    noise = {"dropout": dropout.strip(), "feature_noise": feature_noise.strip()}
    options |= {name: _number(name, text) for name, text in noise.items() if text}
    options |= {"adaptive_l2": True} if adaptive_l2 else {}
    form = {"data": data, "features": features, "strengths": strengths, **noise}
    desk.start(options, form | {"loss": loss, "penalty": penalty, "adaptive_l2": adaptive_l2})
    return {}


def _number(name: str, text: str) -> float:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        raise PageError("error.no_number", name=name, value=text[:MOST_CHARACTERS]) from None


@action
def stop(desk: Desk) -> Parts:
    """End the training with the best so far."""
    desk.stop()
    return {}


@action
def rows(
    desk: Desk,
    part: str | None = None,
    only: Literal["all", "mistakes"] = "all",
    label: int | None = None,
    order: Literal["number", "loss"] = "number",
    first: int = 0,
) -> Parts:
    """List examples."""
    inspection = _inspection(desk)
    part = inspection.parts[0] if part is None else part
    return {"rows": plain(inspection.listed(part, only, label, order, first))}


@action
def inspect(desk: Desk, part: str, row: int) -> Parts:
    """Choose an example; its scores are as they are."""
    inspection = _inspection(desk)
    found = inspection.inspected(part, row)
    shifts = [0.0] * len(inspection.names)
    moved = max(0, found["position"])
    jiggled = inspection.moved(part, row, shifts, moved)
    return {"inspected": plain(found), "jiggle": plain(jiggled)}


@action
def jiggle(desk: Desk, part: str, row: int, shifts: list[float], moved: int = 0) -> Parts:
    """Add amounts to the scores of an example."""
    return {"jiggle": plain(_inspection(desk).moved(part, row, shifts, moved))}


@action
def download(desk: Desk, kind: Literal["model", "report"], language: str = DEFAULT) -> Parts:
    """The trained model, or its report in a language."""
    trained = _inspection(desk).trained
    content = trained.model() if kind == "model" else trained.report(language)
    if len(content) > MOST_BYTES:
        size = f"{len(content) / 1e6:.0f} MB"
        raise PageError("images.error.large", size=size)
    name = {"model": "model.safetensors", "report": "report.html"}[kind]
    return {"file": {"name": name, "base64": base64.b64encode(content).decode()}}


def _inspection(desk: Desk) -> Inspection:
    if desk.inspection is None:
        raise PageError("images.error.untrained")
    return desk.inspection

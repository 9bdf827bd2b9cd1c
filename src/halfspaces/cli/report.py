"""What the command line prints: tables and sentences."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table
from rich.text import Text

from halfspaces import datasets
from halfspaces.cli import screen
from halfspaces.cli.screen import console
from halfspaces.cli.terminal import Rows, clean
from halfspaces.datasets import Dataset, RowsToPredict
from halfspaces.datasets.formats import tables
from halfspaces.support.types import Array
from halfspaces.system import interrupts
from halfspaces.system.distinct import distinct, positions
from halfspaces.system.errors import shown
from halfspaces.system.progress import Bar
from halfspaces.system.words import DEFAULT, say

if TYPE_CHECKING:  # keeps scikit-learn out of the import of this module
    from halfspaces.estimators.classifier import LinearClassifier

TEXT_TABLES = (tables.CSV, tables.JSON_LINES)
GROUPS_OF = {"test": "report.groups_test", "validation": "report.groups_validation"}


def working(on: str) -> Status:
    """A context manager that shows a spinner on the error stream if this is a terminal."""
    return Console(stderr=True).status(f"{escape(shown(on))} ...")


def reading(data: str) -> AbstractContextManager[Any]:
    """A context manager that shows a spinner while data are read.

    It shows none for images and text tables, whose readers have a progress bar.
    """
    interrupts.work_begins()
    path = Path(data)
    if path.exists() and (datasets.holds_images(data) or _is_text_table(path)):
        return nullcontext()
    return working(f"reading {data}")


def _is_text_table(path: Path) -> bool:
    return any(format.recognizes(path) for format in TEXT_TABLES)


def table_of(*columns: str, title: str | None = None) -> Table:
    """An empty table: the first column is aligned to the left, the others to the right."""
    table = Rows(
        title=title,
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        header_style="dim",
    )
    for position, column in enumerate(columns):
        table.add_column(column, justify="left" if position == 0 else "right")
    return table


def heading(title: str) -> None:
    """Print the title of a table on one line."""
    console.print(Text(title, "bold"), soft_wrap=True)


def pair(name: str, value: str | Text) -> None:
    """Print one line of a report: what it is, and its value."""
    console.print(Text.assemble((f"{name:<11}", "dim"), " ", clean(value)), soft_wrap=True)


def _pairs(rows: Iterable[tuple[str, str]]) -> None:
    for name, value in rows:
        pair(name, value)


def accuracy(y: Array, predicted: Array) -> float:
    """The fraction of rows predicted correctly."""
    return float(np.mean(y == predicted))


def percent(fraction: float) -> str:
    """A fraction as a percentage.

    >>> percent(0.4157)
    '41.57 %'
    """
    return f"{100 * fraction:.2f} %"


def dataset(data: Dataset) -> None:
    """Print the data set, its reader's notes, and a warning if test rows are also trained on."""
    pair("data", str(data))
    for note in data.notes:
        pair("", note)
    for sentence in repeated(data):
        pair("warning", Text(sentence, "yellow"))


def repeated(data: Dataset, language: str = DEFAULT) -> list[str]:
    """Sentences on test rows that are training rows, too, and on groups of both; none if none."""
    sentences = []
    if duplicates := data.duplicates():
        X_test: Any = data.X_test
        key = "report.repeated_one" if duplicates == 1 else "report.repeated"
        values = {"count": f"{duplicates:,}", "rows": f"{X_test.shape[0]:,}"}
        sentences.append(say(language, key, **values))
    for split, key in GROUPS_OF.items():
        shared, groups = data.shared_groups.get(split, (0, 0))
        if shared:
            sentences.append(say(language, key, count=f"{shared:,}", groups=f"{groups:,}"))
    return sentences


def notes(data: Dataset) -> None:
    """Print the notes of the data set's reader."""
    for number, note in enumerate(data.notes):
        pair("" if number else "data", note)


def left_out(rows: RowsToPredict) -> None:
    """Print to the error stream what the reader of rows to predict left out."""
    for note in rows.notes:
        screen.note(note)


def described(rows: Any, *, asked_to_flip: bool) -> None:
    """Print the feature, its number of columns, the seconds that it took, and the copies added."""
    N, D = rows.dataset.X.shape
    each = " x ".join(str(number) for number in rows.feature.image_shape_)
    pair("features", f"{rows.feature}: {D:,} columns of {each} pixels, {rows.seconds:.1f} s")
    if asked_to_flip and not rows.augmentation.flip:
        pair(
            "flip",
            f"{rows.feature} is the same for an image and its mirror image, so none is mirrored",
        )
    if rows.augmentation:
        pair(
            "copies",
            f"{N // 2:,} images, {rows.augmentation}, are trained on, too, {N:,} rows in all",
        )


def other_data(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> None:
    """Print a warning if a run is repeated on other data; `before` is None if it is not known."""
    if before is None or before == now:
        return
    then = _shape_and_type(before)
    here = _shape_and_type(now)
    differ = f"then {then}, now {here}"
    if then == here:
        differ = "the same shape and type, but other values"
    warning = f"the data differ from those of the run file ({differ}), so W will differ"
    pair("warning", Text(warning, "yellow"))


def _shape_and_type(rows: Mapping[str, Any]) -> str:
    return f"{' x '.join(map(str, rows.get('shape', '?')))} {rows.get('dtype')}"


def choice(classifier: Any) -> None:
    """Print the network or the noise, the optimizer, and why "auto" chose it."""
    _scores(classifier)
    if classifier.optimizer == "auto":
        pair("optimizer", classifier.optimizer_choice_)
    else:
        pair("optimizer", repr(classifier.optimizer_))


def _scores(classifier: Any) -> None:
    """Print the layers of a network, or the noise of linear scores."""
    if hasattr(classifier, "network"):
        from halfspaces.cli import network_report

        _pairs(network_report.rows(classifier))
    elif classifier.noise is not None:
        pair("noise", repr(classifier.noise))


def range_test(test: Any) -> None:
    """Print the step size that the range test suggests."""
    pair("step size", f"{test.suggestion:.3g}, from a range test of {len(test.steps)} steps")


def sanity_checks(classifier: Any, X: Any, y: Array) -> None:
    """Print checks of loss and gradient on these data; raise ValueError if one fails."""
    from halfspaces.gradcheck.sanity import check_sanity

    checks = check_sanity(classifier, X, y)
    for check in checks:
        console.print(f"{_verdict(check.ok)}      {escape(check.words)}", soft_wrap=True)
    if not all(check.ok for check in checks):
        raise ValueError("A sanity check failed; see the lines above.")


def fit(classifier: Any, *, cost: bool) -> None:
    """Print the loss and its parts, λ, the gap, the reason to stop, and with `cost` the passes."""
    result = classifier.result_
    data = float(np.max(result.data_loss))
    penalty = float(np.max(result.penalty))
    gap = float(np.max(result.gap))
    strength = strength_of(classifier)
    pair("loss", f"{data + penalty:.6g} = data {data:.6g} + penalty {penalty:.6g}")
    if strength is not None:
        pair("λ", f"{strength:.3g}")
    pair(
        "gap", f"at most {gap:.3g} above the minimum" if np.isfinite(gap) else "no bound is proved"
    )
    pair("reason", str(result.reason))
    if cost:
        pair("cost", f"{result.passes:.1f} passes, {result.seconds:.2f} s")
    separation = getattr(classifier, "separation_", None)
    if separation is not None and separation.too_small:
        pair("separable", str(separation))


def strength_of(classifier: Any) -> float | None:
    """λ, given as a number or in the penalty; None if it was not given."""
    given = classifier.strength
    return getattr(classifier.penalty, "strength", None) if given is None else given


def calibration(classifier: Any) -> None:
    """Print the calibration that was fitted to held-out scores, if any."""
    learned = classifier.calibration_
    if learned is not None:
        factor = getattr(learned, "inverse_temperature", None)
        words = "a sigmoid of each class's score"
        if factor is not None:
            words = f"softmax of the scores times {factor:.3g}"
        pair("calibrated", f"{words}, learned on held-out rows")


def threshold(classifier: Any, names: Sequence[str] | None) -> None:
    """Print the threshold between two classes that was chosen on held-out scores, if any."""
    chosen = classifier.threshold_
    if chosen is None:
        return
    from halfspaces.estimators.base import probabilities
    from halfspaces.estimators.components import make_loss

    second = namer(names)(classifier.classes_[1])
    above = f"a score of {chosen.score:.3g}"
    if hasattr(classifier, "predict_proba"):
        score = np.array([chosen.score])
        p = probabilities(score, make_loss(classifier.loss), classifier.calibration_)[0, 1]
        above = f"a probability of {p:.3g}"
    pair("threshold", f"{second} above {above}: {chosen} on held-out rows")


def model(classifier: "LinearClassifier", path: Path) -> None:
    """Print the loss, classes, features and data of a saved model."""
    from halfspaces.files.models import features_of

    notes = classifier.notes_
    C = len(classifier.classes_)
    D = classifier.n_features_in_
    data = notes.get("data", "data")
    pair("model", f"{path}: {classifier.loss}, {C} classes, {D:,} features, trained on {data}")
    feature = features_of(classifier)
    if feature is not None:
        each = " x ".join(str(number) for number in feature.image_shape_)
        pair("features", f"{feature}: {D:,} columns of {each} pixels")
    threshold(classifier, notes.get("class_names"))


def noted(classifier: Any) -> None:
    """Print what a model file stores about its training: λ, reason to stop, accuracies, version."""
    notes = classifier.notes_
    _scores(classifier)
    if hasattr(classifier, "network"):
        from halfspaces.cli import network_report

        _pairs(network_report.training(classifier))
    strength = strength_of(classifier)
    if strength is not None:
        pair("λ", f"{strength:.3g}")
    if "reason" in notes.get("fit", {}):
        pair("reason", str(notes["fit"]["reason"]))
    metrics = notes.get("metrics") or {}
    shares = {
        part: value
        for part, value in metrics.items()
        if isinstance(value, (int, float)) and 0 <= value <= 1
    }
    if shares:
        accuracies(shares)
    pair("version", str(notes.get("version", "not known")))


def unknown(labels: Any) -> None:
    """Print a warning with the number of rows whose label the model does not know, if any."""
    count = int(np.count_nonzero(labels.unknown))
    if count:
        name = namer(labels.names)
        new_labels = [name(label) for label in distinct(labels.y[labels.unknown])]
        listed = ", ".join(map(repr, new_labels[:3]))
        if new_labels[3:]:
            listed += f" and {len(new_labels) - 3:,} more"
        have = "has a label" if count == 1 else "have labels"
        rows = f"{count:,} of {len(labels.y):,} rows {have}"
        pair(
            "warning",
            Text(f"{rows} that the model does not know ({listed}); they count as wrong", "yellow"),
        )


def accuracies(metrics: Mapping[str, float]) -> None:
    """Print the accuracies of the parts of the data on one line."""
    parts = [Text.assemble(f"{part} ", (percent(value), "bold")) for part, value in metrics.items()]
    pair("accuracy", Text(", ").join(parts))
    if list(metrics) == ["train"]:
        pair("", "on the rows that the model was fitted to; on new rows it is usually lower")


def classes(
    y: Array, predicted: Array, names: Sequence[str] | None, part: str, *, most: int = 20
) -> None:
    """Print the accuracy of each class and its most frequent wrong prediction.

    Of more than `most` classes, the worst are printed.
    """
    labels = distinct(np.concatenate([distinct(y), distinct(predicted)]))
    kind = np.min_scalar_type(len(labels))  # small numbers: strings of many rows are long
    true = positions(y, labels, kind)
    taken = positions(predicted, labels, kind)
    counts = np.bincount(true, minlength=len(labels))
    right = np.bincount(true[true == taken], minlength=len(labels))
    shown = np.flatnonzero(counts)
    rows = "training rows, which the model was fitted to" if part == "train" else f"{part} rows"
    title = f"by class ({rows})"
    if len(shown) > most:
        title = f"the {most} worst of {len(shown):,} classes ({rows})"
        shown = shown[np.argsort(right[shown] / counts[shown], kind="stable")[:most]]
    table = table_of("class", "examples", "accuracy", "most often taken for")
    name = namer(names)
    for label in shown:
        wrong = np.bincount(taken[(true == label) & (taken != label)], minlength=len(labels))
        most_often = wrong.argmax()
        confused = "—"
        if wrong[most_often]:
            confused = f"{name(labels[most_often])} ({percent(wrong[most_often] / counts[label])})"
        share = percent(right[label] / counts[label])
        table.add_row(Text(name(labels[label])), f"{counts[label]:,}", share, Text(confused))
    console.print()
    heading(title)
    console.print(table)


def namer(names: Sequence[str] | None) -> Callable[[Any], str]:
    """A function from a label to its text: the name of its class if labels number named classes."""

    def name(label: Any) -> str:
        is_number = isinstance(label, (int, np.integer, np.bool_))
        known = names is not None and is_number and 0 <= label < len(names)
        return names[int(label)] if known and names is not None else str(label)

    return name


def saved(files: Mapping[str, Path]) -> None:
    """Print the paths of the files that were written, by name, and the size of the first."""
    if files:
        console.print()
    for number, (name, path) in enumerate(files.items()):
        size = "" if number else f" ({path.stat().st_size / 1024:.0f} KiB)"
        pair(name, f"{path}{size}")


def exported(to: str, path: Path) -> None:
    """Print the path and size of the exported model."""
    pair(to, f"{path} ({path.stat().st_size / 1024:.0f} KiB)")


def replaced(phrases: Sequence[str]) -> None:
    """Print what an export computes in place of training's noise, if there was any."""
    if phrases:
        pair("replaced", "; ".join(phrases))


def overridden(flag: str, given: Any, before: Any) -> None:
    """Print an option that overrides the run file."""
    was = "nothing" if before is None else before
    pair("override", f"{flag} {given} instead of the run file's {was}")


def seen(sentence: str) -> None:
    """Print what a picture shows."""
    pair("shows", sentence)


def reported(path: Path) -> None:
    """Print the path and size of the report."""
    pair("report", f"{path} ({path.stat().st_size / 1024:,.0f} KiB)")


def plotted(path: Path) -> None:
    """Print the path of the plot."""
    pair("plot", f"{path}")


def counted(blocks: Iterable[range], rows: int) -> Iterator[range]:
    """Yield the blocks and show the number of rows done."""
    with Bar("", rows, "rows") as bar:
        for block in blocks:
            yield block
            bar.advance(len(block))


def gradient_checks(seed: int, *, verbose: bool) -> bool:
    """Check every registered loss and penalty; print the results; return whether all passed."""
    from halfspaces.gradcheck import GradientReport, check_registry
    from halfspaces.gradcheck.sanity import check_registry_sanity

    table = table_of(
        "gradient of",
        "coordinates",
        "worst relative error",
        "kinks",
        "Taylor rate",
        "",
        title="gradients",
    )
    reports = check_registry(seed=seed)
    for name, report in reports.items():
        if isinstance(report, GradientReport):
            checked = sum(row.checked for row in report.rows)
            rate = f"{report.rate:.2f}" if np.isfinite(report.rate) else "—"
            worst = f"{report.worst.error:.1e}"
            table.add_row(
                name, f"{checked}", worst, f"{len(report.kinks)}", rate, _OUTCOMES[report.outcome]
            )
    console.print(table)
    checks = [report for report in reports.values() if not isinstance(report, GradientReport)]
    checks += check_registry_sanity(seed=seed)
    console.print("\n[bold]proxes and sanity[/]")
    for check in checks:
        console.print(f"{_verdict(check.ok)} {escape(check.words)}", soft_wrap=True)
    for name, report in reports.items():
        if verbose or not report.ok:
            console.print(f"\n[bold]{name}[/]", report)
    ok = all(outcome.ok for outcome in [*reports.values(), *checks])
    all_or_not = "[green]All" if ok else "[bold red]Not all"
    console.print(f"\n{all_or_not} {len(reports) + len(checks)} checks passed.[/]")
    return ok


_OUTCOMES = {
    "right": "[green]ok    [/]",
    "cannot tell": "[yellow]cannot tell[/]",
    "wrong": "[bold red]WRONG [/]",
}


def _verdict(ok: bool) -> str:
    return _OUTCOMES["right" if ok else "wrong"]

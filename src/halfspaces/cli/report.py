"""What the command line prints: tables and sentences."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from halfspaces.datasets.formats import image_folder
from halfspaces.support.types import Array
from halfspaces.system.progress import Bar

console = Console(highlight=False)


def error(sentence: str) -> None:
    """One sentence on the error stream."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(
        "[bold red]Error:[/]", Text(sentence)
    )


def working(on: str) -> Any:
    """A context with a spinner on the error stream, where that is a terminal."""
    return Console(stderr=True).status(f"{escape(on)} ...")


def reading(data: str) -> Any:
    """The same while data are read; images show a progress bar of their own."""
    path = Path(data)
    return (
        nullcontext()
        if path.exists() and image_folder.recognizes(path)
        else working(f"reading {data}")
    )


def _table(*columns: str, title: str | None = None) -> Table:
    table = Table(
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


def _pair(name: str, value: str | Text) -> None:
    console.print(Text.assemble((f"{name:<11}", "dim"), " ", value), soft_wrap=True)


def accuracy(y: Array, predicted: Array) -> float:
    """The fraction right."""
    return float(np.mean(y == predicted))


def percent(fraction: float) -> str:
    """A fraction as a percentage.

    >>> percent(0.4157)
    '41.57 %'
    """
    return f"{100 * fraction:.2f} %"


def dataset(data: Any) -> None:
    """Name, sizes, kind, what its reader did, and a warning where the test is not one."""
    _pair("data", str(data))
    for note in data.notes:
        _pair("", note)
    duplicates = data.duplicates()
    if duplicates:
        rows = f"{duplicates:,} of the {data.X_test.shape[0]:,} test rows {'is' if duplicates == 1 else 'are'}"
        _pair(
            "warning",
            Text(
                f"{rows} also in the training rows, so the test accuracy looks better than it is",
                "yellow",
            ),
        )


def notes(data: Any) -> None:
    """What its reader did."""
    for number, note in enumerate(data.notes):
        _pair("" if number else "data", note)


def described(rows: Any, *, asked_to_flip: bool) -> None:
    """The feature, its columns and its seconds."""
    N, D = rows.dataset.X.shape
    each = " x ".join(str(number) for number in rows.feature.image_shape_)
    _pair("features", f"{rows.feature}: {D:,} columns of {each} pixels, {rows.seconds:.1f} s")
    if asked_to_flip and not rows.augmentation.flip:
        _pair(
            "flip",
            f"{rows.feature} is the same for an image and its mirror image, so none is mirrored",
        )
    if rows.augmentation:
        _pair(
            "copies",
            f"{N // 2:,} images, {rows.augmentation}, are trained on, too, {N:,} rows in all",
        )


def other_data(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> None:
    """A warning where a run is repeated on other data than it was made on; None is not known."""
    if before is None or before == now:
        return
    then, here = (
        f"{' x '.join(map(str, rows.get('shape', '?')))} {rows.get('dtype')}"
        for rows in (before, now)
    )
    differ = (
        "the same shape and type, but other values" if then == here else f"then {then}, now {here}"
    )
    _pair(
        "warning",
        Text(f"the data are not those of the run file ({differ}), so W will be another", "yellow"),
    )


def choice(classifier: Any) -> None:
    """The optimizer and why."""
    _pair(
        "optimizer",
        classifier.optimizer_choice_
        if classifier.optimizer == "auto"
        else repr(classifier.optimizer_),
    )


def search(classifier: Any, rows: str) -> None:
    """The grid of strengths with the scores on the rows held out."""
    results, strengths = classifier.cv_results_, classifier.strengths_
    table = _table(
        "λ",
        "validation accuracy",
        "training loss",
        "passes",
        "",
        title=f"λ on validation rows ({rows})",
    )
    for row in np.flatnonzero(~results["dropped"]):
        best = row == classifier.best_index_
        table.add_row(
            f"{strengths[row]:.3g}",
            f"{percent(results['mean_test_score'][row])} ± {100 * results['standard_error'][row]:.2f}",
            f"{results['mean_train_loss'][row]:.4f}",
            f"{results['passes'][row]:.0f}",
            "chosen" if best else "",
            style="bold green" if best else None,
        )
    console.print(table)
    dropped = int(results["dropped"].sum())
    left = f", {dropped} smaller {'one' if dropped == 1 else 'ones'} left out" if dropped else ""
    cost = f"{np.nansum(results['passes']):.0f} passes, {classifier.result_.seconds:.1f} s"
    solved = len(strengths) - dropped
    console.print(f"[dim]{solved} {'strength' if solved == 1 else 'strengths'}{left}, {cost}[/]\n")


def range_test(test: Any) -> None:
    """The step size that the range test suggests."""
    _pair("step size", f"{test.suggestion:.3g}, from a range test of {len(test.steps)} steps")


def sanity_checks(classifier: Any, X: Any, y: Array) -> None:
    """Checks of loss and gradient on this data; a failed one is an error."""
    from halfspaces.gradcheck.sanity import check_sanity

    checks = check_sanity(classifier, X, y)
    for check in checks:
        console.print(f"{_verdict(check.ok)}      {escape(check.words)}", soft_wrap=True)
    if not all(check.ok for check in checks):
        raise ValueError("A sanity check failed; see the lines above.")


def fit(classifier: Any, *, cost: bool) -> None:
    """Loss and its parts, λ, reason, and its cost unless the grid that it is of has told it."""
    result = classifier.result_
    data, penalty, gap = (
        float(np.max(value)) for value in (result.data_loss, result.penalty, result.gap)
    )
    strength = strength_of(classifier)
    _pair("loss", f"{data + penalty:.6g} = data {data:.6g} + penalty {penalty:.6g}")
    if strength is not None:
        _pair("λ", f"{strength:.3g}")
    _pair(
        "gap", f"at most {gap:.3g} above the minimum" if np.isfinite(gap) else "no bound is proved"
    )
    _pair("reason", str(result.reason))
    if cost:
        _pair("cost", f"{result.passes:.1f} passes, {result.seconds:.2f} s")
    separation = getattr(classifier, "separation_", None)
    if separation is not None and separation.too_small:
        _pair("separable", str(separation))


def strength_of(classifier: Any) -> float | None:
    """λ, given as a number or in the penalty; None where it was not given."""
    given = classifier.strength
    return getattr(classifier.penalty, "strength", None) if given is None else given


def calibration(classifier: Any) -> None:
    """What the held-out scores taught about probabilities."""
    learned = classifier.calibration_
    if learned is not None:
        factor = getattr(learned, "inverse_temperature", None)
        words = (
            "a sigmoid of each class's score"
            if factor is None
            else f"softmax of the scores times {factor:.3g}"
        )
        _pair("calibrated", f"{words}, learned on held-out rows")


def model(classifier: Any, path: Path) -> None:
    """What a saved model says of itself."""
    from halfspaces.files.models import features_of

    notes = classifier.notes_
    C, D = len(classifier.classes_), classifier.n_features_in_
    _pair(
        "model",
        f"{path}: {classifier.loss}, {C} classes, {D:,} features, trained on {notes.get('data', 'data')}",
    )
    feature = features_of(classifier)
    if feature is not None:
        each = " x ".join(str(number) for number in feature.image_shape_)
        _pair("features", f"{feature}: {D:,} columns of {each} pixels")


def noted(classifier: Any) -> None:
    """Strength, how the training ended and how well it did, where the file tells."""
    notes = classifier.notes_
    strength = strength_of(classifier)
    if strength is not None:
        _pair("λ", f"{strength:.3g}")
    if "reason" in notes.get("fit", {}):
        _pair("reason", notes["fit"]["reason"])
    if notes.get("metrics"):
        accuracies(notes["metrics"])
    _pair("version", str(notes.get("version", "not known")))


def unknown(labels: Any) -> None:
    """How many rows the model cannot get right, if any."""
    count = int(np.count_nonzero(labels.unknown))
    if count:
        name = namer(labels.names)
        strangers = [name(label) for label in np.unique(labels.y[labels.unknown])]
        listed = ", ".join(map(repr, strangers[:3])) + (
            f" and {len(strangers) - 3:,} more" if strangers[3:] else ""
        )
        rows = (
            f"{count:,} of {len(labels.y):,} rows {'has a label' if count == 1 else 'have labels'}"
        )
        _pair(
            "warning",
            Text(f"{rows} that the model does not know ({listed}); they count as wrong", "yellow"),
        )


def accuracies(metrics: Mapping[str, float]) -> None:
    """One line."""
    parts = [Text.assemble(f"{part} ", (percent(value), "bold")) for part, value in metrics.items()]
    _pair("accuracy", Text(", ").join(parts))


def classes(
    y: Array, predicted: Array, names: Sequence[str] | None, part: str, *, most: int = 20
) -> None:
    """Accuracy of each class and what it is most often taken for."""
    labels = np.unique(y)
    table = _table(
        "class", "examples", "accuracy", "most often taken for", title=f"\nby class ({part} rows)"
    )
    name = namer(names)
    for label in labels[:most]:
        mine = predicted[y == label]
        wrong, counts = np.unique(mine[mine != label], return_counts=True)
        confused = (
            f"{name(wrong[counts.argmax()])} ({percent(counts.max() / len(mine))})"
            if len(wrong)
            else "—"
        )
        right = percent(float(np.mean(mine == label)))
        table.add_row(Text(name(label)), f"{len(mine):,}", right, Text(confused))
    console.print(table)
    if len(labels) > most:
        console.print(f"[dim]and {len(labels) - most} more classes[/]")


def namer(names: Sequence[str] | None) -> Any:
    """What a label is shown as: its class's name where labels are numbers and the classes have
    names.
    """

    def name(label: Any) -> str:
        known = (
            names is not None and isinstance(label, (int, np.integer)) and 0 <= label < len(names)
        )
        return names[int(label)] if known and names is not None else str(label)

    return name


def saved(path: Path) -> None:
    """Where the model is."""
    console.print()
    _pair("saved", f"{path} ({path.stat().st_size / 1024:.0f} KiB)")


def exported(to: str, path: Path) -> None:
    """Where the exported model is."""
    _pair(to, f"{path} ({path.stat().st_size / 1024:.0f} KiB)")


def run_file(path: Path) -> None:
    """Where the recipe is."""
    _pair("run file", f"{path}")


def overridden(flag: str, given: Any, before: Any) -> None:
    """What was given beside a run file."""
    was = "nothing" if before is None else before
    _pair("override", f"{flag} {given} instead of the run file's {was}")


def plotted(path: Path) -> None:
    """Where the plot is."""
    _pair("plot", f"{path}")


def counted(blocks: Iterable[range], rows: int) -> Iterator[range]:
    """Yield the blocks and show the number of rows that are done."""
    with Bar("", rows, "rows") as bar:
        for block in blocks:
            yield block
            bar.advance(len(block))


def gradient_checks(seed: int, *, verbose: bool) -> bool:
    """Every registered loss and penalty, and the sanity checks; whether all is right."""
    from halfspaces.gradcheck import GradientReport, check_registry
    from halfspaces.gradcheck.sanity import check_registry_sanity

    table = _table(
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
                name, f"{checked}", worst, f"{len(report.kinks)}", rate, _verdict(report.ok)
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
    console.print(
        f"\n{'[green]All' if ok else '[bold red]Not all'} {len(reports) + len(checks)} checks passed.[/]"
    )
    return ok


def _verdict(ok: bool) -> str:
    return "[green]ok    [/]" if ok else "[bold red]WRONG [/]"

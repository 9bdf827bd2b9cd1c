"""What `halfspaces evaluate` and `halfspaces compare` print: figures with 95 % intervals."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.text import Text

from halfspaces.cli.report import console, heading, namer, pair, percent, table_of
from halfspaces.cli.terminal import clean
from halfspaces.estimators.metrics.compare import Comparison
from halfspaces.estimators.metrics.evaluate import Figures, OfClass
from halfspaces.estimators.metrics.intervals import Figure

MOST_CLASSES = 20  # of more, the worst are printed
MOST_CONFUSED = 5
NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "top_5_accuracy": "top-5 accuracy",
    "log_loss": "log-loss",
    "calibration_error": "calibration error",
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
}
SHARES = {"accuracy", "balanced_accuracy", "top_5_accuracy", "calibration_error"}


def value(name: str, number: float) -> str:
    """The value of a figure: shares of rows as percentages.

    >>> value("accuracy", 0.5), value("log_loss", 0.5)
    ('50.00 %', '0.5000')
    """
    return percent(number) if name in SHARES else f"{number:.4f}"


def ends(name: str, figure: Figure) -> str:
    """The ends of the interval of a figure.

    >>> ends("accuracy", Figure(0.5, 0.4, 0.6)), ends("macro_f1", Figure(0.5, 0.4, 0.6))
    ('40.00 – 60.00 %', '0.4000 – 0.6000')
    """
    if name in SHARES:
        return f"{100 * figure.low:.2f} – {100 * figure.high:.2f} %"
    return f"{figure.low:.4f} – {figure.high:.4f}"


def show(figures: Figures, names: Sequence[str] | None, part: str) -> None:
    """Print the figures, those of each class, and what is taken for what."""
    table = table_of("figure", part, "95 % interval")
    for name, figure in figures.figures.items():
        table.add_row(NAMES[name], value(name, figure.value), ends(name, figure))
    console.print()
    console.print(table)
    for reason in dict.fromkeys(figures.left_out.values()):
        missing = [NAMES[name] for name, why in figures.left_out.items() if why == reason]
        pair("left out", f"{' and '.join(missing)}: {reason}")
    _classes(figures, namer(names), part)
    _confused(figures, namer(names))


def _classes(figures: Figures, name: Callable[[object], str], part: str) -> None:
    known = [each for each in figures.classes if each.recall is not None]
    title = f"by class ({part} rows)"
    if len(known) > MOST_CLASSES:
        title = f"the {MOST_CLASSES} worst of {len(known):,} classes ({part} rows)"
        known = sorted(known, key=_recall)[:MOST_CLASSES]
    worst = {pair.true: pair for pair in reversed(figures.most_confused(len(figures.classes) ** 2))}
    places = {label: place for place, label in enumerate(figures.labels.tolist())}
    table = table_of(
        "class", "examples", "accuracy", "95 % interval", "precision", "F1", "most often taken for"
    )
    for each in known:
        assert each.recall is not None
        confused = worst.get(places[each.label])
        taken = "—"
        if confused is not None:
            taken = f"{name(figures.labels[confused.predicted])} ({percent(confused.part)})"
        table.add_row(
            Text(name(each.label)),
            f"{each.rows:,.0f}",
            percent(each.recall.value),
            f"{100 * each.recall.low:.1f} – {100 * each.recall.high:.1f} %",
            "—" if each.precision is None else percent(each.precision.value),
            "—" if each.f1 is None else f"{each.f1.value:.3f}",
            Text(taken),
        )
    for column in table.columns[:-1]:
        column.no_wrap = True
    console.print()
    heading(title)
    console.print(table)


def _recall(each: OfClass) -> float:
    return 1.0 if each.recall is None else each.recall.value


def _confused(figures: Figures, name: Callable[[object], str]) -> None:
    """The most frequent confusions, a sentence each."""
    pairs = figures.most_confused(MOST_CONFUSED)
    if not pairs:
        return
    console.print()
    heading("most often confused")
    for each in pairs:
        true = name(figures.labels[each.true])
        taken = name(figures.labels[each.predicted])
        examples = "1 example" if each.rows == 1 else f"{each.rows:,.0f} examples"
        words = f"{examples} of {true} taken for {taken}, {percent(each.part)} of {true}"
        console.print(clean(Text(words)), soft_wrap=True)


def compared(
    data: str,
    part: str,
    figures: Mapping[str, Figures],
    strengths: Mapping[str, float],
    pairs: Sequence[Comparison],
) -> None:
    """Print the figures of several models, their differences, and what these say."""
    rows = next(iter(figures.values())).rows
    pair("rows", f"{rows:,} {part} rows of {data}")
    if part == "all":
        pair("", "a model that was fitted to some of them is better on these than on new ones")
    columns = ["", "accuracy", "95 % interval", "log-loss", "95 % interval"]
    table = table_of(*columns, *(["λ"] if strengths else []))
    for name, each in figures.items():
        cells = [*_cells("accuracy", each), *_cells("log_loss", each)]
        chosen = [f"{strengths[name]:.3g}"] if strengths else []
        table.add_row(Text(name), *cells, *chosen)
    console.print()
    console.print(table)
    table = table_of(
        "difference",
        "accuracy",
        "95 % interval",
        "only one right",
        "p",
        "log-loss",
        "95 % interval",
    )
    for each in pairs:
        found = each.accuracy
        table.add_row(
            Text(f"{each.second} − {each.first}"),
            f"{100 * found.difference.value:+.2f}",
            f"{100 * found.difference.low:+.2f} – {100 * found.difference.high:+.2f}",
            f"{found.second_only:,} : {found.first_only:,}",
            f"{each.p_value:.2g}",
            *_difference(each.log_loss),
        )
    console.print()
    console.print(table)
    console.print()
    for each in pairs:
        console.print(clean(Text(each.verdict)), soft_wrap=True)


def _cells(name: str, figures: Figures) -> tuple[str, str]:
    if name not in figures.figures:
        return "—", "—"
    figure = figures[name]
    return value(name, figure.value), ends(name, figure)


def _difference(figure: Figure | None) -> tuple[str, str]:
    if figure is None:
        return "—", "—"
    return f"{figure.value:+.4f}", f"{figure.low:+.4f} – {figure.high:+.4f}"


def written(out: Path) -> None:
    """Print the path of the file of figures."""
    pair("figures", str(out))

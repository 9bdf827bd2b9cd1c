"""Measure what each regularizer does to train and test accuracy: the figures of regularization.md.

    python -m docs.regularization NAME ... [--data ../shared/data]
    python -m docs.regularization all | figure | tables

NAME is one of `SWEEPS`; its measurements are written to docs/regularization/NAME.csv. `figure`
draws docs/pictures/regularization.png, `tables` writes the tables of docs/regularization.md, both
from these files. `all` does everything.
"""

import argparse
import csv
import re
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import halfspaces.datasets
from halfspaces import LinearClassifier, NetworkClassifier
from halfspaces.estimators.checked_data import hold_out
from halfspaces.estimators.network import AUTO, DEFAULT_STRENGTH
from halfspaces.networks import MLP, ResNet
from halfspaces.noise import AdaptiveL2, Dropout, GaussianNoise
from halfspaces.optimizers import SGD
from halfspaces.penalties import L1, L2, ElasticNet, MaxNorm, NoPenalty

DOCS = Path(__file__).parent
PAGE = DOCS / "regularization.md"
FILES = DOCS / "regularization"
TABLE = re.compile(r"(<!-- table (\w+) -->\n)((?:\|.*\n)*)")

OFF = "off"
ON = "on"
CIFAR = "CIFAR-10"
FLOWERS = "flowers128"
JOBS = 1  # worker threads
HELD_OUT = 0.2  # of flowers128, which has no test rows
MOST_PASSES = 100  # of the linear classifier
NOISE_EPOCHS = {CIFAR: 10, FLOWERS: 100}  # of SGD, without noise, too
MLP_ROWS = 10_000  # the first of CIFAR-10
RESNET_ROWS = 5_000
# Minibatches and epochs of networks, for a run of about a minute.
MLP_SGD = {CIFAR: (128, 10), FLOWERS: (100, 25)}
RESNET_SGD = {CIFAR: (64, 6), FLOWERS: (100, 15)}

Strength = float | str  # or OFF, ON


@dataclass(frozen=True, eq=False)
class Data:
    """A data set of images with rows for testing."""

    name: str
    X: Any
    y: Any
    X_test: Any
    y_test: Any
    image: tuple[tuple[int, int, int], bool]  # shape, and whether rows are planar


class Measurement(NamedTuple):
    """A row of a file: one fit; accuracies in percent."""

    data: str
    strength: str
    train: float
    test: float
    seconds: float


@dataclass(frozen=True)
class Sweep:
    """One regularizer: `classifier(strength, data)` for each strength, the first of which is OFF.

    `axis` names the strength; `rows` is the number of CIFAR-10's rows that are taken.
    """

    title: str
    axis: str
    strengths: tuple[Strength, ...]
    classifier: Callable[[Any, Data], Any]
    rows: int = 50_000


# --- classifiers ---------------------------------------------------------------------------------


def linear(penalty: Any, strength: Strength, data: Data) -> LinearClassifier:
    """The linear classifier with `penalty(strength)`, or without a penalty."""
    made = NoPenalty() if strength == OFF else penalty(strength)
    return LinearClassifier(penalty=made, max_passes=MOST_PASSES, n_jobs=JOBS, verbose=-1)


def noisy(noise: Any, strength: Strength, data: Data) -> LinearClassifier:
    """The linear classifier with `noise(strength)`, or without noise; the same SGD for both."""
    made = None if strength == OFF else noise(strength)
    sgd = SGD(epochs=NOISE_EPOCHS[data.name])
    return LinearClassifier(penalty=NoPenalty(), noise=made, optimizer=sgd, n_jobs=JOBS, verbose=-1)


def adaptive(strength: Strength, data: Data) -> LinearClassifier:
    """The linear classifier with the adaptive L2 of dropout, or without it."""
    made = None if strength == OFF else AdaptiveL2(Dropout(float(strength)))
    return LinearClassifier(
        penalty=NoPenalty(), noise=made, max_passes=MOST_PASSES, n_jobs=JOBS, verbose=-1
    )


def network(recipe: Any, data: Data, penalty: Any = None) -> NetworkClassifier:
    """The network with its own optimizer and seed, and its default penalty unless one is given."""
    shape, planar = data.image
    batch_size, epochs = (MLP_SGD if isinstance(recipe, MLP) else RESNET_SGD)[data.name]
    return NetworkClassifier(
        recipe,
        penalty=L2(DEFAULT_STRENGTH) if penalty is None else penalty,
        optimizer=replace(AUTO[type(recipe)], batch_size=batch_size, epochs=epochs),
        image_shape=shape,
        planar=planar,
        n_jobs=JOBS,
        verbose=-1,
    )


def mlp_penalized(penalty: Any, strength: Strength, data: Data) -> NetworkClassifier:
    """The MLP with `penalty(strength)`, or without a penalty."""
    return network(MLP(), data, NoPenalty() if strength == OFF else penalty(strength))


def with_option(recipe: Any, option: str, strength: Strength, data: Data) -> NetworkClassifier:
    """The network with an option of its recipe."""
    return network(replace(recipe, **{option: setting(recipe, option, strength)}), data)


def setting(recipe: Any, option: str, strength: Strength) -> Any:
    """The value of a switch or of a probability."""
    if isinstance(getattr(recipe, option), bool):
        return strength == ON
    return 0.0 if strength == OFF else strength


def mlp(title: str, axis: str, strengths: tuple[Strength, ...], penalty: Any) -> Sweep:
    """A sweep of the MLP over a penalty."""
    return Sweep(f"mlp: {title}", axis, strengths, partial(mlp_penalized, penalty), MLP_ROWS)


def option(
    recipe: Any, name: str, strengths: tuple[Strength, ...] = (OFF, ON), axis: str = ""
) -> Sweep:
    """A sweep over an option of a network."""
    rows = MLP_ROWS if isinstance(recipe, MLP) else RESNET_ROWS
    title = f"{type(recipe).__name__.lower()}: {name.replace('_', ' ')}"
    return Sweep(title, axis, strengths, partial(with_option, recipe, name), rows)


SWEEPS = {
    "l2": Sweep("linear: L2", "λ", (OFF, 1e-3, 0.02, 0.3, 3.0, 30.0), partial(linear, L2)),
    "l1": Sweep("linear: L1", "λ", (OFF, 5e-4, 2e-3, 0.01, 0.05), partial(linear, L1)),
    "elastic_net": Sweep(
        "linear: elastic net", "λ", (OFF, 5e-4, 2e-3, 0.01, 0.05), partial(linear, ElasticNet)
    ),
    "max_norm": Sweep("linear: max norm", "r", (OFF, 1.0, 0.3, 0.1), partial(linear, MaxNorm)),
    "dropout": Sweep("linear: dropout", "p", (OFF, 0.2, 0.5, 0.8), partial(noisy, Dropout)),
    "feature_noise": Sweep(
        "linear: feature noise", "σ", (OFF, 0.3, 1.0, 3.0), partial(noisy, GaussianNoise)
    ),
    "adaptive_l2": Sweep("linear: adaptive L2", "p", (OFF, 0.2, 0.5, 0.8), adaptive),
    "mlp_l2": mlp("L2", "λ", (OFF, DEFAULT_STRENGTH, 1e-3, 0.01, 0.05), L2),
    "mlp_max_norm": mlp("max norm", "r", (OFF, 1.0, 0.5), MaxNorm),
    "mlp_dropout": option(MLP(), "dropout", (OFF, 0.2, 0.5), "p"),
    "mlp_batch_norm": option(MLP(), "batch_norm"),
    "resnet_batch_norm": option(ResNet(), "batch_norm"),
    "resnet_dropout": option(ResNet(), "dropout", (OFF, 0.2, 0.5), "p"),
    "resnet_stochastic_depth": option(ResNet(), "stochastic_depth", (OFF, 0.2, 0.5), "p"),
    "resnet_fractional_pooling": option(ResNet(), "fractional_pooling"),
}


# --- measuring -----------------------------------------------------------------------------------


@cache
def read(folder: Path) -> tuple[Data, Data]:
    """CIFAR-10, and flowers128 at 32 x 32 pixels with the same fifth of each class for testing."""
    cifar = halfspaces.datasets.open(folder / "cifar-10-batches-bin")
    flowers = halfspaces.datasets.open(folder / "image-folders" / "flowers128.tar", image_size=32)
    train, test = hold_out(flowers.y, 5, HELD_OUT)
    X, y = flowers.X, flowers.y
    parts: Any = (cifar.X, cifar.y, cifar.X_test, cifar.y_test)
    shapes: Any = (cifar.image_shape, flowers.image_shape)
    return (
        Data(CIFAR, *parts, (shapes[0], cifar.planar)),
        Data(FLOWERS, X[train], y[train], X[test], y[test], (shapes[1], flowers.planar)),
    )


_done: dict[tuple[str, str, int], tuple[float, float, float]] = {}  # fits that sweeps share


def measure(sweep: Sweep, folder: Path) -> Iterator[Measurement]:
    """A fit for each data set and strength."""
    for data in read(folder):
        rows = min(sweep.rows, len(data.y))
        for strength in sweep.strengths:
            classifier = sweep.classifier(strength, data)
            key = (repr(classifier), data.name, rows)
            if key not in _done:
                _done[key] = fitted(classifier, data, rows)
            yield Measurement(data.name, str(strength), *_done[key])


def fitted(classifier: Any, data: Data, rows: int) -> tuple[float, float, float]:
    """Train and test accuracy in percent, and the seconds of the fit."""
    X, y = data.X[:rows], data.y[:rows]
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without a penalty fits end at their limit of passes
        classifier.fit(X, y)
    seconds = time.perf_counter() - start
    train = 100 * classifier.score(X, y)
    test = 100 * classifier.score(data.X_test, data.y_test)
    return round(train, 2), round(test, 2), round(seconds, 1)


def record(name: str, folder: Path) -> None:
    """Measure a sweep and write its file."""
    rows: list[Measurement] = []
    for row in measure(SWEEPS[name], folder):
        print(name, *row, flush=True)
        rows.append(row)
    with open(FILES / f"{name}.csv", "w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(Measurement._fields)
        writer.writerows(rows)


def recorded(name: str) -> list[Measurement]:
    """The measurements in the file of a sweep."""
    with open(FILES / f"{name}.csv", encoding="utf-8", newline="") as stream:
        lines = list(csv.reader(stream))[1:]
    return [
        Measurement(data, strength, float(train), float(test), float(seconds))
        for data, strength, train, test, seconds in lines
    ]


# --- the page ------------------------------------------------------------------------------------


def table(name: str) -> str:
    """The measurements of a sweep as a table: a column a strength, a row a data set."""
    sweep = SWEEPS[name]
    strengths = [str(strength) for strength in sweep.strengths]
    measured = {(row.data, row.strength): row for row in recorded(name)}
    lines = [[sweep.axis or "data", *strengths], ["---", *["---:"] * len(strengths)]]
    for data in (CIFAR, FLOWERS):
        found = [measured[data, strength] for strength in strengths]
        lines.append([data, *[f"{row.train:.1f} → {row.test:.1f}" for row in found]])
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def with_tables(text: str) -> str:
    """The page with the table of each sweep between its marks."""
    return TABLE.sub(lambda mark: mark[1] + table(mark[2]), text)


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m docs.regularization")
    parser.add_argument(
        "names", nargs="+", choices=[*SWEEPS, "all", "figure", "tables"], metavar="NAME"
    )
    parser.add_argument("--data", type=Path, default=DOCS.parents[1] / "shared" / "data")
    given = parser.parse_args()
    for name in SWEEPS:
        if {name, "all"} & {*given.names}:
            record(name, given.data)
    if {"figure", "all"} & {*given.names}:
        from docs.regularization_figure import draw

        draw()
    if {"tables", "all"} & {*given.names}:
        PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()

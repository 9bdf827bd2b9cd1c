"""The answer with no option: accuracy of `halfspaces train FOLDER` and of `AutoClassifier`.

Every fifth row or file of each class is for testing, in five rotations; the mean of five accuracies
counts, with its standard error. Photographs are trained on by the command line, once with an
encoder and once as if none were installed. Of tables, the race's pick is compared with each
candidate; it should be within a standard error of the best one.
"""

import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import FOLDER, ROOT
from benchmarks.store import Store

Array = np.ndarray
ROTATIONS = 5
PHOTOGRAPHS = ("flowers128", "platechars")
WITHOUT = "import halfspaces.features.encoders.published as p; p.is_installed = lambda: False; "
MAIN = "import sys; from halfspaces.cli import main; sys.argv[0] = 'halfspaces'; main()"


def run(store: Store, *, quick: bool) -> None:
    """Measure tables and photographs, and print and store the figures."""
    rotations = 1 if quick else ROTATIONS
    for name, X, y in list(_tables())[: 1 if quick else None]:
        row = _table(X, y, rotations)
        store.put("auto", name, row)
        print(f"  {name}: {_told(row)}", flush=True)
    for name in () if quick else PHOTOGRAPHS:
        archive = FOLDER / "image-folders" / f"{name}.tar"
        if not archive.exists():
            print(f"  {name} is skipped: there is no {archive}")
            continue
        for encoder in (True, False):
            row = _photographs(archive, encoder=encoder)
            title = f"{name}, {'with' if encoder else 'without'} the encoder"
            store.put("auto", title, row)
            print(f"  {title}: {_told(row)}", flush=True)


def _told(row: dict[str, Any]) -> str:
    mean, error = row["accuracy"]
    seconds = row["seconds"]
    told = f"{100 * mean:.2f} ± {100 * error:.2f} %, {seconds:.1f} s a fit, {row['won']}"
    if "best" in row:
        best, best_error = row["best_accuracy"]
        told += f"; best {row['best']} {100 * best:.2f} ± {100 * best_error:.2f} %"
        told += "" if row["within"] else ", NOT WITHIN ONE ERROR"
    return told


# --- tables ---------------------------------------------------------------------------------------


def _tables() -> Iterator[tuple[str, Array, Array]]:
    """scikit-learn's own, and made ones with few relevant columns, noise and imbalance."""
    from sklearn import datasets

    for name in ("iris", "wine", "breast_cancer", "digits"):
        data: Any = getattr(datasets, f"load_{name}")()
        yield name, data.data, data.target
    diabetes: Any = datasets.load_diabetes()
    yield "diabetes, above the median", diabetes.data, diabetes.target > np.median(diabetes.target)
    made = {
        "1 of 50 columns": {"n_samples": 150, "n_features": 50, "n_informative": 1},
        "5 of 100 columns": {"n_samples": 300, "n_features": 100, "n_informative": 5},
        "10 of 20 columns, 20 % wrong labels": {"n_informative": 10, "flip_y": 0.4},
        "1 of 10 rows": {"n_samples": 600, "n_informative": 5, "weights": [0.9]},
        "5 classes, 500 columns": {"n_features": 500, "n_informative": 20, "n_classes": 5},
    }
    for name, options in made.items():
        usual = {"n_samples": 500, "n_features": 20, "n_redundant": 0, "n_clusters_per_class": 1}
        X, y = datasets.make_classification(**{**usual, **options}, random_state=0)
        yield name, X, y


def _rotation(y: Array, first: int) -> Array:
    """A mask of every fifth row of each class."""
    is_test = np.zeros(len(y), bool)
    for label in np.unique(y):
        is_test[np.flatnonzero(y == label)[first::ROTATIONS]] = True
    return is_test


def _table(X: Array, y: Array, rotations: int) -> dict[str, Any]:
    from halfspaces import AutoClassifier, LinearClassifierCV
    from halfspaces.estimators.races import COMPONENTS

    X, y = _shuffled(X, y)
    right: dict[str, list[Array]] = {}
    won: list[str] = []
    seconds = 0.0
    for first in range(rotations):
        test = _rotation(y, first)
        started = time.perf_counter()
        auto = AutoClassifier().fit(X[~test], y[~test])
        seconds += time.perf_counter() - started
        won.append(auto.race_.winner.name)
        right.setdefault("auto", []).append(auto.predict(X[test]) == y[test])
        for loss, penalty in COMPONENTS:
            plain = LinearClassifierCV(loss, penalty).fit(X[~test], y[~test])
            name = f"{loss} + {penalty}"
            right.setdefault(name, []).append(plain.predict(X[test]) == y[test])
    scores = {name: _mean(np.concatenate(parts)) for name, parts in right.items()}
    best = max((name for name in scores if name != "auto"), key=lambda name: scores[name][0])
    return {
        "accuracy": scores["auto"],
        "best": best,
        "best_accuracy": scores[best],
        "within": scores["auto"][0] >= scores[best][0] - scores[best][1],
        "seconds": seconds / rotations,
        "won": ", ".join(dict.fromkeys(won)),
    }


def _shuffled(X: Array, y: Array) -> tuple[Array, Array]:
    order = np.random.default_rng(0).permutation(len(y))
    return X[order], y[order]


def _mean(values: Array) -> tuple[float, float]:
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


# --- photographs ----------------------------------------------------------------------------------


def _photographs(archive: Path, *, encoder: bool) -> dict[str, Any]:
    accuracies: list[float] = []
    won: list[str] = []
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
        with tarfile.open(archive) as files:
            files.extractall(folder, filter="data")
        (top,) = Path(folder).iterdir()
        for first in range(ROTATIONS):
            place = Path(folder) / f"rotation {first}"
            _arrange(top, place, first)
            text = _trained(place, encoder=encoder)
            accuracies.append(float(_found(r"test ([\d.]+) %", text)) / 100)
            won.append(_found(r"winner +(.*?);", text))
            shutil.rmtree(place)
    return {
        "accuracy": _mean(np.array(accuracies)),
        "seconds": (time.perf_counter() - started) / ROTATIONS,
        "won": ", ".join(dict.fromkeys(won)),
    }


def _arrange(top: Path, place: Path, first: int) -> None:
    """Folders train and test, with links to the files of each class."""
    for folder in sorted(each for each in top.iterdir() if each.is_dir()):
        files = sorted(folder.iterdir())
        for number, file in enumerate(files):
            is_test = number % ROTATIONS == first and len(files) > 1
            part = "test" if is_test else "train"
            (place / part / folder.name).mkdir(parents=True, exist_ok=True)
            (place / part / folder.name / file.name).symlink_to(file)


def _trained(place: Path, *, encoder: bool) -> str:
    code = MAIN if encoder else WITHOUT + MAIN
    command = [sys.executable, "-c", code, "train", str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{place.name}: {done.stderr}")
    return done.stdout


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found is not None, text
    return found[1]

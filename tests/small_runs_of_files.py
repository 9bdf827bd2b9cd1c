"""Runs that are resumed, image features, saved models and commands: see `small_runs.py`."""

import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from small_fits import (
    Arrays,
    digits,
    fit,
    found,
    images,
    named,
    objective,
    of_fit,
    of_result,
    run,
)

# ------------------------------------------------------------------------------ stopped and resumed


@dataclass(frozen=True)
class Case:
    """An objective and an optimizer for it."""

    objective: Any
    optimizer: Any


def cases() -> dict[str, Case]:
    """Runs that are stopped and resumed."""
    from halfspaces.optimizers import LBFGS, SGD, Gram, Newton, ProximalNewton

    sgd = SGD(update_rule="adam", epochs=3)
    return {
        "lbfgs": Case(objective(digits()), LBFGS(preconditioner=Gram())),
        "hinge": Case(objective(digits(), loss="hinge"), LBFGS(preconditioner=Gram())),
        "newton": Case(objective(digits()), Newton()),
        "l1": Case(objective(digits(), penalty="l1"), ProximalNewton()),
        "sgd": Case(objective(digits()), sgd),
    }


@run
def resumed() -> Arrays:
    from halfspaces import minimize

    parts = {}
    for name, case in cases().items():
        stopped = minimize(case.objective, case.optimizer, max_passes=2, progress=False)
        ended = minimize(
            case.objective, case.optimizer, resume=stopped, max_passes=20, progress=False
        )
        parts[f"{name}, stopped"] = of_result(stopped)
        parts[name] = of_result(ended)
    return named(parts)


@run
def checkpointed() -> Arrays:
    from halfspaces import minimize

    checkpoint = found("Checkpoint", "files.checkpoint", "checkpoint")
    parts = {}
    for name, case in cases().items():
        kept = checkpoint(f"checkpoint of {name}", every=0)
        given = case.objective, case.optimizer
        minimize(*given, max_passes=2, callbacks=[kept], progress=False)
        parts[name] = of_result(
            minimize(*given, resume=kept.run(*given), max_passes=20, progress=False)
        )
    return named(parts)


@run
def early_stopping_and_warm_starts() -> Arrays:
    from halfspaces import LinearClassifier
    from halfspaces.callbacks import EarlyStopping

    X, y = digits()
    options = {"optimizer": "sgd", "callbacks": [EarlyStopping(patience=1)]}
    warm = LinearClassifier(warm_start=True).fit(X[:900], y[:900]).set_params(strength=0.1)
    parts = LinearClassifier()
    for start in range(0, 1500, 500):
        parts.partial_fit(X[start : start + 500], y[start : start + 500], classes=np.arange(10))
    return named(
        {
            "stopped early": fit((X, y), fitting={"validation": 0.2}, **options),
            "warm start": of_fit(warm.fit(X, y)),
            "partial fit": of_fit(parts),
        }
    )


@run
def checks_before_a_run() -> Arrays:
    from halfspaces import LinearClassifier
    from halfspaces.gradcheck import check_registry

    tiny = LinearClassifier(strength=1e-12, max_passes=50).fit(*digits())
    find = found("find_step_size", "tuning.step_size", "step_size")
    return {
        "separation": [tiny.separation_.margin, tiny.separation_.least_strength],
        "step sizes": find(objective(digits())).losses,
        "gradients": [check.ok for check in check_registry().values()],
    }


# ---------------------------------------------------------------------- features, files, commands


@run
def computed_features() -> Arrays:
    from halfspaces.features import Augmentation, parse

    X, y = images()
    words = ["hog", "hue", "colors", "lbp", "sift", "gist", "ssim", "filters", "raw", "pixels"]
    rows = {word: parse(word).fit_transform(X) for word in words}
    copies = Augmentation(flip=True, shift=2).copies(X)
    rows["moved hog"] = parse("hog").fit(X).transform(copies)
    return rows | named({"fit": fit((np.hstack([rows["hog"], rows["hue"]]), y))})


@run
def learned_features() -> Arrays:
    from halfspaces.features import parse

    X, y = images()
    words = [
        "patches(n=20)",
        "patches(n=12, size=4, activation='triangle', dictionary='gaussian')",
        "words(n=16, levels=(1, 2))",
        "words(raw, n=16, assignment='hard')",
        "textons(n=16)",
    ]
    rows = {word: parse(word).fit(X[:30]).transform(X) for word in words}
    union = parse(f"{words[0]}+hog+{words[2]}").fit(X).transform(X)
    return rows | named({"fit": fit((union, y), strength=0.1)})


@run
def saved_and_exported() -> Arrays:
    import halfspaces
    from halfspaces.export import to_sklearn

    X, y = digits()
    halfspaces.save(halfspaces.LinearClassifier("hinge").fit(X, y), "model.safetensors")
    loaded: Any = halfspaces.load("model.safetensors")
    return {
        "coef": loaded.coef_,
        "scores": loaded.decision_function(X),
        "exported": to_sklearn(loaded).coef_,
    }


@run
def command_line() -> Arrays:
    import halfspaces

    parts = {}
    sgd = ["--optimizer", "sgd", "--strength", "0.01", "--step-size", "find"]
    for name, options in {"grid": ["--calibrate", "temperature"], "sgd": sgd}.items():
        main = "from halfspaces.cli import main; main()"
        command = [sys.executable, "-c", main, "train", "digits", *options]
        command += ["--out", f"{name}.safetensors"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        model: Any = halfspaces.load(f"{name}.safetensors")
        parts[name] = {"coef": model.coef_, "intercept": model.intercept_}
    return named(parts)

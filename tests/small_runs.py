"""Runs of losses, penalties, optimizers, types of rows and searches, for `same_bits.py`.

A run is a function without arguments that returns arrays by name; each takes a second or two.
Runs use names that stay where they are when modules move; `found` looks for the few others.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from small_fits import (
    Arrays,
    clusters,
    digits,
    few_digits,
    fit,
    found,
    large_bytes,
    named,
    objective,
    of_result,
    optimizers,
    run,
    search,
    sparse_rows,
)

# ------------------------------------------------------------------------ one run for each registry


@run
def losses() -> Arrays:
    from halfspaces.losses import LOSSES

    return named({name: fit(digits(), loss=name, max_passes=25) for name in LOSSES})


@run
def losses_of_many_classes() -> Arrays:
    from halfspaces.losses import LOSSES

    data = clusters(2000, 50, 40)
    return named({name: fit(data, loss=name, max_passes=30) for name in LOSSES})


@run
def losses_with_options() -> Arrays:
    from halfspaces.losses import CrammerSinger, Hinge, Softmax

    X, y = digits()
    chosen = [Softmax(label_smoothing=0.1), Hinge(margin=2.0), CrammerSinger(margin=0.5)]
    parts = {str(loss): fit((X, y), loss=loss, max_passes=20) for loss in chosen}
    parts["two classes"] = fit((X, y % 2))
    return named(parts)


@run
def penalties() -> Arrays:
    from halfspaces.penalties import PENALTIES

    return named({name: fit(digits(), penalty=name, max_passes=100) for name in PENALTIES})


@run
def every_optimizer() -> Arrays:
    parts = {}
    for name in optimizers():
        penalty = "l1" if name.startswith("proximal") else "l2"
        parts[name] = fit(digits(), optimizer=name, penalty=penalty, max_passes=40)
    return named(parts)


@run
def losses_with_kinks_and_sparse_penalties() -> Arrays:
    kinds = [("hinge", "l1"), ("crammer_singer", "elastic_net"), ("ova_hinge", "l1")]
    parts = {}
    for loss, penalty in kinds:
        for optimizer in ("proximal", "proximal_newton"):
            options = {"loss": loss, "penalty": penalty, "optimizer": optimizer, "max_passes": 20}
            parts[f"{loss} {penalty} {optimizer}"] = fit(few_digits(), **options)
    return named(parts)


@run
def update_rules() -> Arrays:
    from halfspaces.optimizers import SGD, UPDATE_RULES, GradientDescent

    parts = {}
    for name in UPDATE_RULES:
        parts[f"sgd {name}"] = fit(digits(), optimizer=SGD(update_rule=name, epochs=2))
        descent = GradientDescent(update_rule=name)
        parts[f"descent {name}"] = fit(digits(), optimizer=descent, max_passes=10)
    return named(parts)


@run
def schedules() -> Arrays:
    from halfspaces.optimizers import SCHEDULES, SGD

    sgds = {name: SGD(schedule=name, epochs=4, seed=3, batch_size=100) for name in SCHEDULES}
    return named({name: fit(digits(), optimizer=sgd, penalty="l1") for name, sgd in sgds.items()})


@run
def preconditioners() -> Arrays:
    from halfspaces.optimizers import LBFGS, ByClass, Gram, LowRank

    parts = {}
    wide = clusters(300, 900, 3)
    for preconditioner in (Gram(), ByClass(), LowRank(), Gram(rows=500)):
        optimizer = LBFGS(preconditioner=preconditioner)
        for name, data in {"digits": digits(), "wide": wide}.items():
            parts[f"{preconditioner} {name}"] = fit(data, optimizer=optimizer, strength=1e-3)
    parts["none"] = fit(digits(), optimizer=LBFGS())
    return named(parts)


# ----------------------------------------------------------------------------------- types of rows


def kernels(dtype: Any) -> Arrays:
    """Fits on rows of this type that are so many that the compiled kernels are used."""
    X, y = large_bytes()
    data = X.astype(dtype, copy=False), y
    return named(
        {
            "softmax": fit(data, max_passes=12),
            "sgd": fit(data, optimizer="sgd", max_passes=1),
        }
    )


@run
def large_uint8_rows() -> Arrays:
    return kernels(np.uint8)


@run
def large_float16_rows() -> Arrays:
    return kernels(np.float16)


@run
def large_float32_rows() -> Arrays:
    return kernels(np.float32)


@run
def large_float64_rows() -> Arrays:
    return kernels(np.float64)


@run
def large_rows_hinge_and_l1() -> Arrays:
    data = large_bytes()
    hinge = fit(data, loss="hinge", max_passes=12)
    return named({"hinge": hinge, "l1": fit(data, penalty="l1", max_passes=12)})


@run
def small_rows_of_each_type() -> Arrays:
    X, y = clusters(6000, 200, 6)
    kinds = (np.float16, np.float32, np.float64)
    return named({np.dtype(kind).name: fit((X.astype(kind), y), strength=1e-3) for kind in kinds})


@run
def sparse() -> Arrays:
    data = sparse_rows(4000, 1000)
    parts = {
        "l1": fit(data, penalty="l1", strength=1e-3, max_passes=40),
        "sgd": fit(data, optimizer="sgd"),
    }
    for loss in ("softmax", "hinge"):
        parts[loss] = fit(data, loss=loss, max_passes=20)
        parts[f"{loss}, wide"] = fit(
            sparse_rows(2000, 6000), loss=loss, standardize=False, max_passes=20
        )
    return named(parts)


@run
def more_than_4096_features() -> Arrays:
    return named({"low rank": fit(clusters(1500, 4500, 4), strength=0.1, max_passes=30)})


@run
def large_offsets() -> Arrays:
    X, y = clusters(3000, 40, 4)
    return named(
        {
            "float32": fit((X + np.float32(4096), y)),
            "float64": fit((X + 1e6, y)),
            "not standardized": fit((X + 10.0, y), standardize=False, max_passes=50),
            "no intercept": fit((X + 10.0, y), fit_intercept=False),
        }
    )


@run
def weights() -> Arrays:
    X, y = digits()
    sample = {"sample_weight": np.random.default_rng(2).uniform(0, 2, len(y))}
    return named(
        {
            "sample": fit((X, y), fitting=sample),
            "balanced": fit((X, y), class_weight="balanced"),
            "both, l1": fit((X, y), fitting=sample, class_weight={3: 2.0}, penalty="l1"),
        }
    )


# -------------------------------------------------------------------------------- choosing strength


@run
def grid_with_folds() -> Arrays:
    data = few_digits()
    groups = {"groups": np.arange(len(data[1])) // 7}
    common = {"strengths": [0.3, 0.03, 0.003], "cv": 3, "max_passes": 15}
    probabilities = {"loss": "hinge", "calibrate": "sigmoid", "scoring": "log_loss"}
    return named(
        {
            "softmax": search(data, **common),
            "probabilities": search(data, **probabilities, **common),
            "groups": search(data, fitting=groups, rule="one_standard_error", **common),
            "part held out": search(data, strengths=4, max_passes=15, fitting={"validation": 0.2}),
        }
    )


@run
def l1_path() -> Arrays:
    solve_path = found("solve_path", "tuning.path", "path")
    path = solve_path(objective(few_digits(), penalty="l1"), [0.1, 0.03, 0.01])
    common = {"cv": 2, "strengths": [0.1, 0.05, 0.02], "max_passes": 15}
    return named(
        {
            "path": {"W": path.W, "loss": path.loss, "gap": path.gap, "screened": path.screened},
            "proximal": search(few_digits(), penalty="l1", **common),
            "proximal Newton": search(clusters(5500, 200, 3), penalty="l1", **common),
            "elastic net": search(few_digits(), penalty="elastic_net", **common),
            "number of strengths": search(
                few_digits(), penalty="l1", cv=2, strengths=3, max_passes=15
            ),
            "hinge": search(few_digits(), penalty="l1", loss="hinge", **common),
        }
    )


@run
def several_strengths_in_one_solve() -> Arrays:
    from halfspaces import minimize
    from halfspaces.optimizers import LBFGS, Gram
    from halfspaces.penalties import L2

    stack = replace(objective(digits()), penalty=L2((1e-4, 1e-2, 1.0)))
    result = minimize(stack, LBFGS(preconditioner=Gram()), stack.zeros(3), progress=False)
    return of_result(result)


@run
def calibration() -> Arrays:
    from halfspaces import LinearClassifierCV

    X, y = digits()
    parts = {}
    for kind in ("temperature", "sigmoid"):
        options = {"loss": "squared_hinge", "strengths": [0.1, 0.01], "cv": 3, "calibrate": kind}
        classifier = LinearClassifierCV(**options).fit(X[:1000], y[:1000])
        parts[kind] = {
            "coef": classifier.coef_,
            "probabilities": classifier.predict_proba(X[1000:]),
        }
    return named(parts)

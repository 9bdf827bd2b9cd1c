"""Small runs of all that has compiled loops; as a script it prints the table of `known_loops`.

python -m tests.kernels.workloads
"""

import warnings

import numpy as np
from scipy.sparse import csr_array

from halfspaces import LinearClassifier
from halfspaces.features import FEATURES, parse
from halfspaces.kernels import compile as compiling
from halfspaces.optimizers import SGD, CoordinateDescent, DualAscent, column_descent
from halfspaces.optimizers import gradient_descent as descent
from halfspaces.optimizers.update_rules import UPDATE_RULES

VARIANTS = ("hog(soft=False)", "sift(sigma=2.0)", "patches(n=4, shrink=2)")
MANY = 1 << 30


def row(key):
    """The loop of a key of `_compiled`, and the types of its arguments, as in `known_loops`."""
    loop, *kinds = key
    words = [
        f"{kind[0].str[1:]}:{kind[1]}" if isinstance(kind, tuple) else kind.__name__
        for kind in kinds
    ]
    home = f"{loop.__module__.removeprefix('halfspaces.')}:{loop.__name__}"
    return home, " ".join(words).replace("float64", "float")


def rows_that_ran():
    return {row(key) for key in compiling._compiled}


def describe_images():
    images = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), np.uint8)
    for expression in [*FEATURES, *VARIANTS]:
        if expression != "encoder":
            parse(expression).fit(images).transform(images)


def fit_all():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 9, (60, 12))
    y = rng.integers(0, 3, 60)
    for dtype in ("uint8", "float32", "float64"):
        dense = X.astype(dtype)
        for table in [dense] if dtype == "uint8" else [dense, csr_array(dense)]:
            fit_with_each_loop(table, y)


def fit_with_each_loop(X, y):
    for loss in ("hinge", "crammer_singer"):
        LinearClassifier(loss, strength=0.1, optimizer=DualAscent(), max_passes=3).fit(X, y)
    for rule in UPDATE_RULES.values():
        optimizer = SGD(step_size=0.1, update_rule=rule, epochs=1)
        LinearClassifier(strength=0.1, optimizer=optimizer).fit(X, y)
    for most in (0, MANY):
        column_descent.MOST_IN_GRAM = most
        optimizer = CoordinateDescent()
        model = LinearClassifier(penalty="l1", strength=0.01, optimizer=optimizer, max_passes=5)
        model.fit(X, y)


def run_all():
    """Run every loop; thresholds below which none runs are taken away."""
    before = descent.LARGE, column_descent.MOST_IN_GRAM
    descent.LARGE = 1
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # runs end at their few passes
            fit_all()
            describe_images()
    finally:
        descent.LARGE, column_descent.MOST_IN_GRAM = before


if __name__ == "__main__":
    run_all()
    for home, words in sorted(rows_that_ran()):
        print(f'    ("{home}", "{words}"),')

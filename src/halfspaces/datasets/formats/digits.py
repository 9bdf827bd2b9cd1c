"""The digits that come with scikit-learn: 1,797 grey images of 8 x 8 pixels with values 0..16."""

from typing import Any

import numpy as np

from halfspaces.datasets.dataset import Dataset

TEST_SHARE = 0.2


def read() -> Dataset:
    """Return the digits; a fixed fifth of each class is the test split, as scikit-learn has none.

    >>> print(read())
    digits: 1,437 examples + 360 for testing, 64 features (8 x 8 x 1, uint8), 10 classes
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    bundled: Any = load_digits()
    rows, test_rows = train_test_split(
        np.arange(len(bundled.data)),
        test_size=TEST_SHARE,
        stratify=bundled.target,
        random_state=0,
    )
    X = bundled.data.astype(np.uint8)
    y = bundled.target.astype(np.int64)
    return Dataset(
        name="digits",
        X=X[rows],
        y=y[rows],
        X_test=X[test_rows],
        y_test=y[test_rows],
        class_names=tuple("0123456789"),
        image_shape=(8, 8, 1),
    )

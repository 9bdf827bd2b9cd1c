"""A feature from outside the package: the negative of an image."""

from halfspaces.features import FEATURES, Feature


class Negative(Feature):
    """255 − x for each pixel x of an image."""

    word = "negative"

    def __init__(self, n_jobs=None):
        self.n_jobs = n_jobs

    def _describe(self, planes):
        return planes.dtype.type(255) - planes.reshape(len(planes), -1)


FEATURES["negative"] = Negative

"""`AutoFeatures`: the image features that win a race, as a step of a pipeline."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from halfspaces.estimators import races
from halfspaces.estimators.checked_data import check_two
from halfspaces.estimators.given import labels_of
from halfspaces.estimators.racing import RaceRows
from halfspaces.features import Feature, parse
from halfspaces.features.candidates import SIDES, Candidate, candidates
from halfspaces.features.images import Images, reduced
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number
from halfspaces.system.distinct import distinct
from halfspaces.tuning.race import Race

SMALL = 32  # side of images that are described as they are


class AutoFeatures(TransformerMixin, BaseEstimator):
    """The image features that give the most accurate linear classifier.

    Candidates, from pixels to learned patches and an encoder if one is installed, are raced by
    successive halving on held-out images: see `halfspaces.AutoClassifier`. The winner then learns
    from all images.

    Parameters
    ----------
    budget : float > 0, default 120
        Seconds for the race and for describing all images. Which candidates it allows is computed,
        for a machine of two cores, so the result does not depend on the clock, but where this
        machine is much slower.
    n_jobs : int or None
        Workers; None for every core.
    random_state : int
        Seed of the images that are held out.

    Attributes
    ----------
    feature_ : Feature
        The winner, fitted to all images.
    side_ : int or None
        Images are reduced to side × side pixels before it; None: they are not.
    race_ : Race
        Its entries, why candidates were left out, and `winner`, whose score is optimistic, since it
        was selected by it.

    Raises
    ------
    ValueError, TypeError
        As `Feature.fit`, and for labels of one class.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from halfspaces import LinearClassifierCV, datasets
    >>> data = datasets.open("digits")
    >>> pipeline = make_pipeline(AutoFeatures(budget=10), LinearClassifierCV())
    >>> _ = pipeline.fit(data.images(data.X), data.y)
    >>> print(pipeline[0].feature_)
    pixels
    """

    def __init__(
        self, budget: float = races.BUDGET, n_jobs: int | None = None, random_state: int = 0
    ) -> None:
        self.budget = budget
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:
        """Race the candidates, and fit the winner to all images.

        Parameters
        ----------
        X : array, shape (N, H, W, 3) or (N, H, W)
            uint8, or floats in [0, 1].
        y : array, shape (N,)
        groups : array, shape (N,), or None
            Images of one group are held out together.
        """
        check_number("budget", self.budget, above=0)
        images = Images(X)
        y = labels_of("y", y)
        if len(y) != len(images):
            raise ValueError(
                f"X has {len(images)} images and y {len(y)} labels; give one for each."
            )
        classes = distinct(y)
        check_two(classes)
        groups = None if groups is None else np.asarray(groups)
        rows = RaceRows.of(y, None, groups, self.random_state, most_repeats=1)
        sides = [side for side in SIDES if side < min(images.shape[:2])]
        first = min(*images.shape[:2], SMALL)
        ladder = candidates((first, first, images.shape[2]), sides)
        known = {str(each): each for each in ladder}
        costs = {
            name: races.feature_cost(each, rows, len(y), len(classes), first**2)
            for name, each in known.items()
        }
        enter = races.FeatureRace(
            known,
            lambda candidate, chosen: reduced(images.pixels[chosen], _side(candidate, images)),
            rows,
            {"n_jobs": self.n_jobs},
        )
        self.race_: Race = races.run(costs, enter, rows, self.budget)
        winner = known[self.race_.winner.name]
        self.side_ = _side(winner, images)
        self.feature_: Feature = parse(winner.features).set_params(n_jobs=self.n_jobs)
        self.feature_.fit(reduced(images.pixels, self.side_))
        return self

    def transform(self, X: Any) -> Array:
        """Rows of images, float32 (N, D)."""
        check_is_fitted(self)
        return self.feature_.transform(reduced(Images(X).pixels, self.side_))

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """The names of the columns."""
        check_is_fitted(self)
        return self.feature_.get_feature_names_out(input_features)


def _side(candidate: Candidate, images: Images) -> int | None:
    """The side to which images are reduced; None for an encoder, and for small images."""
    if candidate.own_size:
        return None
    side = candidate.side or SMALL
    return side if side < min(images.shape[:2]) else None

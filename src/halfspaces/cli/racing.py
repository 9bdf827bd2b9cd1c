"""`--features auto`, `--loss auto` and `--penalty auto`: a race decides what they stand for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import halfspaces
from halfspaces.cli import values
from halfspaces.cli.open_options import AUTO
from halfspaces.cli.recipe import Recipe
from halfspaces.datasets import Dataset
from halfspaces.datasets.fingerprint import fingerprint
from halfspaces.datasets.formats.image_size import AtMost, ImageSize
from halfspaces.estimators import races
from halfspaces.estimators.finite import check_finite
from halfspaces.estimators.race_store import RaceStore
from halfspaces.estimators.racing import TOL, RaceRows
from halfspaces.features.candidates import PIXELS, SIDES, Candidate, candidates
from halfspaces.files import options as table
from halfspaces.support.types import Array
from halfspaces.system.distinct import distinct
from halfspaces.tuning.folds import MOST_REPEATS
from halfspaces.tuning.race import Entry, Race

Open = Callable[[ImageSize], Dataset]  # the data with images of this size
HOW = ("score", "loss", "penalty", "optimizer")  # and their parameters
FEWER_ROWS = 1.5  # times as many to fit: other strengths are tried
FALL = 3.0  # from one strength around that of the race to the next
DEAR = 0.2  # of the budget: fits that take longer end at the tolerance of the race


@dataclass(frozen=True, eq=False)
class Decision:
    """The recipe in which nothing is "auto", the data set that it takes, and the race, if any.

    `note` says why there was none, where one might be expected, or what it did not heed.
    """

    recipe: Recipe
    given: Dataset
    race: Race | None = None
    note: str = ""


def decided(recipe: Recipe, given: Dataset, opened: Open | None) -> Decision:
    """Race what the recipe leaves open.

    Parameters
    ----------
    recipe : Recipe
    given : Dataset
        The data, opened with the recipe's options.
    opened : callable or None
        Opens the data with images of another size; None if they have one of their own, or the
        recipe says which.

    Raises
    ------
    ValueError
        For copies of images where the data are no images.
    """
    plain = recipe.with_defaults()
    budget = values.seconds("--budget", recipe.budget)
    if given.image_shape is None:
        recipe.check_no_images(given.name)
        raced = bool(budget) and _races_components(recipe)
        return _or_plain(plain, given, lambda: _components(recipe, given, budget), raced=raced)
    if recipe.features != AUTO:
        return Decision(plain, given)
    pixels = plain.chosen(features=PIXELS)
    says_how = _says_how(recipe)
    if budget and says_how is not None and not recipe.is_network:
        note = f"pixels: features are raced where nothing like {says_how} says how to train"
        return Decision(pixels, given, note=note)
    raced = bool(budget) and says_how is None
    return _or_plain(pixels, given, lambda: _features(recipe, given, opened, budget), raced=raced)


def _or_plain(
    plain: Recipe, given: Dataset, raced_decision: Callable[[], Decision], *, raced: bool
) -> Decision:
    """The decision of a race; where nothing is raced, or no candidate can be, the plain recipe."""
    if not raced:
        return Decision(plain, given)
    check_finite("X", given.X)  # a race would name rows of its own
    try:
        return raced_decision()
    except ValueError as error:
        return Decision(plain, given, note=f"nothing is raced: {error}")


def _says_how(recipe: Recipe) -> str | None:
    """The first option that says how to train; None if there is none.

    Then pixels are taken: λ, a step size or a number of passes belong to certain features.
    """
    given = [*HOW, *(name for component in HOW for name in table.parts_of(component))]
    names = [name for name in [*given, "strength"] if recipe.is_given(name)]
    return table.flag(names[0]) if names else None


def _races_components(recipe: Recipe) -> bool:
    """Whether losses and penalties are raced.

    They are where λ is chosen by the accuracy and no option belongs to one of them.
    """
    plain = recipe.with_defaults()
    is_open = recipe.is_open("loss") or recipe.is_open("penalty")
    given = [*plain.parts("loss"), *plain.parts("penalty"), *recipe.linear_scores.given]
    is_usual = recipe.optimizer == AUTO and recipe.scoring in (None, "accuracy")
    is_grid = recipe.strengths is None or recipe.strengths.strip().isdecimal()
    return is_open and is_usual and is_grid and not given and plain.chooses_strength


def _options(recipe: Recipe) -> dict[str, Any]:
    """The parameters of the searches of a race."""
    names = ("class_weight", "standardize", "n_jobs")
    return {name: recipe.fit_options[name] for name in names}


def _features(recipe: Recipe, given: Dataset, opened: Open | None, budget: float) -> Decision:
    """The best image feature, and the size of its images."""
    assert given.image_shape is not None
    height, width, _ = given.image_shape
    images = _Images(given, opened)
    ladder = candidates(given.image_shape, images.larger_sides())
    known = {str(each): each for each in ladder}
    rows = _rows(recipe, given, most_repeats=1)  # features are learned anew in each fold
    parts: list[Any] = [given.X, given.X_val, given.X_test]
    n_images = sum(len(X) for X in parts if X is not None)
    n_classes = len(distinct(given.y))
    costs = {
        name: races.feature_cost(each, rows, n_images, n_classes, height * width)
        for name, each in known.items()
    }
    enter = races.FeatureRace(known, images, rows, _options(recipe))
    race = _run(costs, enter, given, budget)
    winner = known[race.winner.name]
    seconds = winner.fitting(len(rows.y), n_classes, height * width)
    dear = seconds > DEAR * budget and not recipe.is_given("tol")
    chosen = _options_of(recipe, winner, race.winner, len(given.y), dear=dear)
    chosen_recipe = recipe.with_defaults().chosen(**chosen)
    return Decision(chosen_recipe, images.of(winner), race, _notes(recipe, dear=dear))


def _options_of(
    recipe: Recipe, winner: Candidate, entry: Entry, n_rows: int, *, dear: bool
) -> dict[str, Any]:
    """The options that stand for a candidate that has won; a fit of it may be dear."""
    chosen: dict[str, Any] = {"features": winner.features}
    if winner.side is not None and not winner.own_size:
        chosen["image_size"] = str(winner.side)
    if winner.label_smoothing:
        chosen["label_smoothing"] = winner.label_smoothing
    if recipe.strengths is None and recipe.chooses_strength:
        chosen["strengths"] = _strengths(entry, n_rows)
    if dear:
        chosen["tol"] = TOL
    return chosen


def _notes(recipe: Recipe, *, dear: bool) -> str:
    """What a race of features did not heed, and what it changed beside them."""
    notes: list[str] = []
    if dear:
        notes.append(f"so many columns are fitted to --tol {TOL:g}; a larger --budget to 0.001")
    if recipe.scoring not in (None, "accuracy"):
        rule = f"--scoring {recipe.scoring} chooses λ alone"
        notes.append(f"features are raced by their accuracy; {rule}")
    return "; ".join(notes)


def _strengths(winner: Entry, n_rows: int) -> str:
    """Strengths to choose from: around that of the race, or below it where more rows are fitted.

    The best λ falls with the number of rows N, as 1/√N to 1/N: these two are tried.
    """
    more = n_rows / winner.rows
    if more > FEWER_ROWS:
        strengths = [winner.strength / more**0.5, winner.strength / more]
    else:
        strengths = [winner.strength / FALL**step for step in (-1, 0, 1)]
    return ",".join(f"{strength:.3g}" for strength in strengths)


def _components(recipe: Recipe, given: Dataset, budget: float) -> Decision:
    """The best loss and penalty."""
    losses = [loss for loss, _ in races.COMPONENTS] if recipe.loss == AUTO else [recipe.loss]
    penalties = [each for _, each in races.COMPONENTS]
    if recipe.penalty != AUTO:
        penalties = [recipe.penalty]
    pairs = races.pairs_of(list(dict.fromkeys(losses)), list(dict.fromkeys(penalties)))
    known = races.named_components(pairs)
    X: Any = given.X
    rows = _rows(recipe, given)
    costs = races.component_costs(known, rows, X.shape, len(distinct(given.y)))
    enter = races.ComponentRace(known, _Rows(given), rows, _options(recipe))
    race = _run(costs, enter, given, budget)
    loss, penalty = known[race.winner.name]
    return Decision(recipe.with_defaults().chosen(loss=loss, penalty=penalty), given, race)


def _run(
    costs: Mapping[str, races.Cost],
    enter: races.FeatureRace | races.ComponentRace,
    given: Dataset,
    budget: float,
) -> Race:
    """The race, without what an earlier one of the same rows and options has scored."""
    data = [fingerprint(given.X, given.y)]
    if given.X_val is not None and given.y_val is not None:
        data.append(fingerprint(given.X_val, given.y_val))
    options = {**enter.options, "n_jobs": None}
    store = RaceStore.of(enter, halfspaces.__version__, data, enter.rows.digest(), options)
    return races.run(costs, store, enter.rows, budget)


def _rows(recipe: Recipe, given: Dataset, most_repeats: int = MOST_REPEATS) -> RaceRows:
    seed = recipe.seed or 0
    if given.y_val is not None:
        return RaceRows.with_validation(given.y, given.y_val, given.weight, given.weight_val, seed)
    weight, groups = given.weight, given.groups
    return RaceRows.of(given.y, weight, groups, seed, most_repeats=most_repeats)


@dataclass(frozen=True, eq=False)
class _Rows:
    """Training rows, and validation rows behind them."""

    given: Dataset

    def __call__(self, rows: Array) -> Any:
        """Rows of one of the two."""
        X: Any = self.given.X
        X_val: Any = self.given.X_val
        count = X.shape[0]
        return X[rows] if rows[0] < count else X_val[rows - count]


@dataclass(frozen=True, eq=False)
class _Images:
    """Images of any size, training images first and validation images behind them."""

    given: Dataset
    opened: Open | None
    at: dict[int, Dataset] = field(default_factory=dict[int, Dataset])

    def __call__(self, candidate: Candidate, rows: Array) -> Array:
        given = self.of(candidate)
        return given.images(np.asarray(_Rows(given)(rows)))

    def of(self, candidate: Candidate) -> Dataset:
        """The data set with the images of a candidate."""
        side = candidate.side
        if side is None or self.opened is None:
            return self.given
        if side not in self.at:
            self.at[side] = self.opened(AtMost(side, side) if candidate.own_size else side)
        return self.at[side]

    def larger_sides(self) -> tuple[int, ...]:
        """The sides to which the images can be reduced, if they are larger than those given."""
        if self.opened is None:
            return ()
        side = SIDES[0]
        largest = self.opened(AtMost(side, side))
        if largest.image_shape is None or min(largest.image_shape[:2]) < side:
            return ()
        self.at[side] = largest  # of exactly this side
        return SIDES

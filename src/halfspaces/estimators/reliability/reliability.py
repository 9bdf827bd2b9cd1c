"""All that a classifier learned from the rows held out of its search for λ."""

from dataclasses import dataclass

from halfspaces.estimators.calibration import Calibration
from halfspaces.estimators.reliability.acceptance import Acceptance
from halfspaces.estimators.reliability.prediction_sets import PredictionSets


@dataclass(frozen=True)
class Reliability:
    """What the held-out rows of a search say of predictions.

    Parameters
    ----------
    sets : PredictionSets
        Sets of labels for any coverage.
    acceptance : Acceptance
        Which predictions to accept for an error.
    calibration : Calibration or None
        Makes the probabilities that both take, where the classifier has none of its own.

    Raises
    ------
    TypeError
        If one of them is of another type.
    """

    sets: PredictionSets
    acceptance: Acceptance
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        if not (
            isinstance(self.sets, PredictionSets)
            and isinstance(self.acceptance, Acceptance)
            and isinstance(self.calibration, Calibration | None)
        ):
            raise TypeError(
                "Reliability needs PredictionSets, an Acceptance, and a Calibration or None, got "
                f"{type(self.sets).__name__}, {type(self.acceptance).__name__} and "
                f"{type(self.calibration).__name__}."
            )

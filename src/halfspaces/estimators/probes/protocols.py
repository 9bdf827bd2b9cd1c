"""Published protocols of linear probes, as data: `PROTOCOLS`, one row each.

| protocol | strengths | λ is chosen on | the final fit | scores |
| --- | --- | --- | --- | --- |
| clip | C = 10⁻⁶ … 10⁶, 8 a decade: 97 | validation split, or a tenth | both | accuracy |
| dinov2 | C = 10⁻⁶ … 10⁵, 4 a decade: 45 | validation split, or a tenth | both | accuracy, top 5 |
| dinov3 | as dinov2; several labels a row, too | or a tenth of each class | both | as dinov2 |
| vtab | weight decay 0.01, 0.001, 0.0001 | 200 rows, 800 fitted | all 1,000 | accuracy |
| mteb | C = 1 | given | 8 rows a class, 10 runs | accuracy, F1, AP |
| fewshot | as clip | min(k, 4) rows a class | k = 1, 2, 4, 8, 16, 10 runs | accuracy |

None of them standardizes features or normalizes rows. All minimize softmax + L2 (one problem a
label where a row has several). What is the same for all here, and differs from what is published:
every fit is solved to a proven tolerance, or to `max_passes`, which is the protocol's own limit on
iterations; equal scores are told apart by the held-out log-loss. See docs/probes.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from halfspaces.convert import to_penalty
from halfspaces.estimators.presets import CLIP_C, DINOV2_C, VPT_WEIGHT_DECAY
from halfspaces.estimators.probes.draws import Part, Rule, Samples, Shots, Sizes
from halfspaces.support.validation import check_number
from halfspaces.system.names import lookup

COOP = Shots((1, 2, 4, 8, 16), held_out=4)


@dataclass(frozen=True)
class Grid:
    """Strengths in the unit of a published protocol.

    Parameters
    ----------
    library : str
        Of `halfspaces.convert`.
    parameter : str
        Its name there: "C" or "weight_decay".
    values : tuple of float

    Examples
    --------
    >>> Grid("sklearn.LogisticRegression", "C", (1.0,)).strengths(n_examples=80, n_classes=10)
    {1.0: 0.00625}
    """

    library: str
    parameter: str
    values: tuple[float, ...]

    def strengths(self, n_examples: int, n_classes: int) -> dict[float, float]:
        """λ of each value, for the number of examples of the final fit."""
        size: dict[str, Any] = {"n_examples": n_examples, "n_classes": n_classes}
        given: list[dict[str, Any]] = [{self.parameter: value, **size} for value in self.values]
        penalties: list[Any] = [to_penalty(self.library, **each) for each in given]
        return {
            value: float(penalty.strength)
            for value, penalty in zip(self.values, penalties, strict=True)
        }


@dataclass(frozen=True)
class Protocol:
    """A published protocol of linear probes.

    Parameters
    ----------
    name : str
    grid : Grid
        The strengths; one value is the strength itself, and nothing is chosen.
    rows : Rule
        Which rows are fitted, and which choose λ.
    few : Shots or Samples
        The same where numbers of shots are asked for.
    repeats : int
        Runs, each with rows of its own.
    seed : int
        That of the first run; the next have the numbers that follow.
    scores : tuple of str
        Of `halfspaces.estimators.probes.scores.SCORES`, the main one first.
    max_passes : float
        Limit on visits to all examples.
    normalize : bool
        Divide each row by its length.
    sources : tuple of str
        Papers and code.

    Examples
    --------
    >>> PROTOCOLS["mteb"].changed(shots=[16], repeats=5).rows
    Samples(shots=(16,))
    """

    name: str
    grid: Grid
    rows: Rule
    few: Shots | Samples
    repeats: int = 1
    seed: int = 0
    scores: tuple[str, ...] = ("accuracy", "mean_per_class")
    max_passes: float = 1000
    normalize: bool = False
    sources: tuple[str, ...] = ()

    def changed(
        self,
        *,
        shots: Sequence[int] | None = None,
        repeats: int | None = None,
        seed: int | None = None,
        normalize: bool | None = None,
    ) -> Self:
        """The protocol with other settings; None keeps its own.

        Raises
        ------
        ValueError, TypeError
            For numbers out of range.
        """
        changes: dict[str, Any] = {"repeats": repeats, "seed": seed, "normalize": normalize}
        changes = {name: value for name, value in changes.items() if value is not None}
        if shots is not None:
            if not len(shots):
                raise ValueError("shots is empty; give at least one number, such as 1,2,4,8,16.")
            for k in shots:
                check_number("Each of shots", k, at_least=1, integer=True)
            changes["rows"] = replace(self.few, shots=tuple(shots))
        check_number("repeats", changes.get("repeats", 1), at_least=1, integer=True)
        check_number("seed", changes.get("seed", 0), at_least=0, integer=True)
        return replace(self, **changes)


CLIP = ("Radford et al. 2021, https://arxiv.org/abs/2103.00020, appendix A.3",)
DINO_SCORES = ("accuracy", "top_5", "mean_per_class")

PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            "clip",
            Grid("sklearn.LogisticRegression", "C", CLIP_C),
            rows=Part(0.1),
            few=COOP,
            sources=(*CLIP, "https://github.com/openai/CLIP, README.md"),
        ),
        Protocol(
            "dinov2",
            Grid("sklearn.LogisticRegression", "C", DINOV2_C),
            rows=Part(0.1),
            few=COOP,
            scores=DINO_SCORES,
            sources=(
                "Oquab et al. 2023, https://arxiv.org/abs/2304.07193",
                "https://github.com/facebookresearch/dinov2, dinov2/eval/log_regression.py",
            ),
        ),
        Protocol(
            "dinov3",
            Grid("sklearn.LogisticRegression", "C", DINOV2_C),
            rows=Part(0.1, by_class=True),
            few=Shots((1,), held_out=0.01),
            scores=DINO_SCORES,
            sources=(
                "Siméoni et al. 2025, https://arxiv.org/abs/2508.10104",
                "https://github.com/facebookresearch/dinov3, dinov3/eval/log_regression.py",
            ),
        ),
        Protocol(
            "vtab",
            Grid("torch.optim.SGD", "weight_decay", VPT_WEIGHT_DECAY),
            rows=Sizes(800, 200),
            few=COOP,
            scores=("accuracy",),
            sources=(
                "Zhai et al. 2019, https://arxiv.org/abs/1910.04867",
                "Jia et al. 2022, https://doi.org/10.1007/978-3-031-19827-4_41",
            ),
        ),
        Protocol(
            "mteb",
            Grid("sklearn.LogisticRegression", "C", (1.0,)),
            rows=Samples((8,)),
            few=Samples((8,)),
            repeats=10,
            seed=42,
            scores=("accuracy", "macro_f1", "average_precision"),
            max_passes=100,
            sources=(
                "Muennighoff et al. 2023, https://doi.org/10.18653/v1/2023.eacl-main.148",
                "https://github.com/embeddings-benchmark/mteb, mteb/abstasks/classification.py",
            ),
        ),
        Protocol(
            "fewshot",
            Grid("sklearn.LogisticRegression", "C", CLIP_C),
            rows=COOP,
            few=COOP,
            repeats=10,
            seed=1,
            scores=("accuracy",),
            sources=(
                "Zhou et al. 2022, https://doi.org/10.1007/s11263-022-01653-1",
                "https://github.com/KaiyangZhou/CoOp, lpclip/linear_probe.py",
                *CLIP,
            ),
        ),
    )
}


def protocol_of(given: "str | Protocol") -> Protocol:
    """A protocol by its name, or as it is.

    >>> protocol_of("vtab").rows
    Sizes(fitted=800, held_out=200)
    """
    return lookup("protocol", given, PROTOCOLS, Protocol)

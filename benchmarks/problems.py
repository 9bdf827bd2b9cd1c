"""What is raced: data, loss and λ (the best one and a hundredth of it),
and the seconds that each solver may take.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.solvers import UNWATCHED

CAP = 30.0


@dataclass(frozen=True)
class Problem:
    """One objective to minimize.

    `cap` is the time limit of a run in seconds, `caps` that of single solvers. `until` gives single
    solvers more time, but only until they are within 1e-3. `reference` limits a tighter run of
    halfspaces in float64, which only serves to know the minimum; 0 leaves it out. `points` is the
    number of snapshots whose objective is computed at first.
    """

    name: str
    data: str
    loss: str
    strength: float
    cap: float = CAP
    caps: dict[str, float] = field(default_factory=dict)
    until: dict[str, float] = field(default_factory=dict)
    reference: float = 60.0
    rows: int | None = None
    points: int = 40
    skip: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        words = self.data.split("-")
        title = f"{TITLES[words[0]]}, {LOSS_TITLES[self.loss]}, λ = {self.strength:g}"
        return title.replace("embeddings", f"embeddings, {words[-1]} classes")


TITLES = {
    "cifar": "CIFAR-10 pixels",
    "fashion": "Fashion-MNIST",
    "digits": "digits",
    "dna": "dna",
    "embeddings": "embeddings",
    "encoded": "EfficientNet-Lite0 embeddings",
}
LOSS_TITLES = {
    "softmax": "softmax",
    "hinge": "hinge",
    "crammer_singer": "Crammer-Singer",
    "ova_squared_hinge": "one-vs-all squared hinge",
}
SLOW = ("sklearn saga", "sklearn newton-cg")
TORCH = ("torch lbfgs", "torch sgd")


def problems(sklearn_cap: float) -> list[Problem]:
    """All of the full run; `sklearn_cap` bounds the seconds until scikit-learn must have come to
    1e-3.
    """
    lbfgs, cyanure = "sklearn lbfgs", "cyanure"
    caps = {"halfspaces": 60.0, UNWATCHED: 60.0, "LinearSVC primal": 60.0, "LinearSVC": 60.0}
    sgd = {"torch sgd": 15.0, "SGDClassifier": 15.0}
    to_the_level = {lbfgs: sklearn_cap}
    cifar = {"data": "cifar", "caps": caps | sgd}
    fashion = {"data": "fashion", "loss": "softmax", "cap": 15.0, "caps": sgd}
    small = {"loss": "softmax", "cap": 5.0, "reference": 10.0}
    hundred = {"data": "embeddings-100", "loss": "softmax", "cap": 15.0, "points": 24}
    thousand = {"data": "embeddings-1000", "loss": "softmax", "reference": 0.0, "points": 8}
    many = {"halfspaces": 90.0, UNWATCHED: 60.0}
    return [
        Problem("cifar-softmax-easy", loss="softmax", strength=3e-2, **_with(cifar, {lbfgs: 90})),
        Problem(
            "cifar-softmax-hard",
            loss="softmax",
            strength=3e-4,
            until=to_the_level,
            **_with(cifar, {lbfgs: 240, cyanure: 150}),
        ),
        Problem("cifar-ova-easy", loss="ova_squared_hinge", strength=5e-3, **cifar),
        Problem(
            "cifar-ova-hard", loss="ova_squared_hinge", strength=5e-5, **_with(cifar, {cyanure: 90})
        ),
        Problem("cifar-hinge-easy", loss="hinge", strength=0.3, reference=0, **cifar),
        Problem("cifar-hinge-hard", loss="hinge", strength=3e-3, reference=0, **cifar),
        Problem(
            "cifar-cs-easy",
            loss="crammer_singer",
            strength=0.1,
            reference=0,
            skip=("LIBLINEAR",),
            **cifar,
        ),
        Problem(
            "cifar-cs-hard",
            loss="crammer_singer",
            strength=1e-3,
            reference=0,
            skip=("LIBLINEAR",),
            **cifar,
        ),
        Problem("fashion-easy", strength=3e-3, skip=SLOW, **fashion),
        Problem("fashion-hard", strength=3e-5, **fashion),
        Problem("digits-easy", "digits", strength=1e-3, **small),
        Problem("digits-hard", "digits", strength=1e-5, **small),
        Problem("dna-easy", "dna", strength=1e-2, **small),
        Problem("dna-hard", "dna", strength=1e-4, **small),
        *(
            Problem(f"encoded-{strength:g}", "encoded", "softmax", strength, skip=SLOW)
            for strength in (1e-2, 1e-3, 1e-4)
        ),
        Problem("embeddings-100-easy", strength=1e-2, skip=SLOW, **hundred),
        Problem("embeddings-100-hard", strength=1e-4, **hundred),
        Problem(
            "embeddings-1000-easy",
            strength=1e-2,
            skip=(*SLOW, *TORCH),
            caps={lbfgs: 90} | many,
            **thousand,
        ),
        Problem(
            "embeddings-1000-hard",
            strength=1e-4,
            skip=SLOW,
            caps={lbfgs: 300} | many | sgd,
            **thousand,
        ),
    ]


def _with(options: dict[str, Any], caps: dict[str, float]) -> dict[str, Any]:
    return options | {"caps": options["caps"] | caps}


def quick_problems() -> list[Problem]:
    """A few rows and seconds of each kind, to see that it works."""
    rows = {"cifar": 1000, "embeddings-1000": 2000}
    left_out = ("digits-easy", "fashion-easy", "embeddings-100-easy")
    return [
        replace(
            problem,
            cap=1.0,
            caps={},
            until={},
            rows=rows.get(problem.data),
            reference=min(problem.reference, 1.0),
            points=12,
        )
        for problem in problems(1.0)
        if problem.name.endswith("-easy") and problem.name not in left_out
    ]


def parity_problems(cap: float) -> list[Problem]:
    """The same conventions on a small problem that every peer can solve to high precision."""
    made = [
        Problem(f"parity-{loss}", "digits", loss, 1e-2, cap=cap, reference=cap)
        for loss in LOSS_TITLES
    ]
    return [
        replace(problem, strength=0.1) if problem.loss == "hinge" else problem for problem in made
    ]

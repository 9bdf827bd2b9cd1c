"""Dual coordinate ascent for losses with kinks and for squared hinges."""

# scipy.sparse has no type stubs:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from halfspaces.loop.optimizer import Optimizer, by_member
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Evaluation, Request
from halfspaces.optimizers.dual_rows import AtDualPoint, RowAccess, refusal
from halfspaces.optimizers.dual_turn import DualAscentState, Turn
from halfspaces.support.parallel import available_workers
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number
from halfspaces.system.threads import ordered_map

TURN_WORK = 2e9  # multiply-adds of a turn, about
LEAST_VISITS = 10  # of a turn, to each dual point
ALONE = 2e6  # multiply-adds: less is not worth a second thread
SHARPER = 0.3  # times the accuracy, from one turn to the next


@dataclass(frozen=True)
class DualAscent(Optimizer[DualAscentState]):
    """Dual coordinate ascent: a few epochs over the rows in a random order, once a turn.

    A step replaces the dual point a_i of one row by the maximizer of the dual objective in a_i (for
    L1 and elastic net of a lower bound on it), and W follows:

        a_i ← argmin_a  L*_i(a) − ⟨a, s_i⟩ + (m/2) ‖a − a_i‖²,    W = prox of −Σ w_i x_i a_iᵀ/Σ w_i.

    The free bias is held near its value before each epoch (the proximal point method), and so is W
    for a penalty without curvature, L1. The certificate of the loop uses the same dual points.

    For hinge, squared hinge, one-vs-all hinge and squared hinge, and Crammer-Singer.

    Parameters
    ----------
    accuracy : float
        A turn ends at this gap, relative to the objective, or after its share of work. After each
        that ends by it, the next takes three tenths of it.
    seed : int
        Of the random order.
    turn_epochs : int
        At most; fewer, but at least 10 visits to each dual point, where they would take
        more than about a second.

    Raises
    ------
    ValueError
        If a number is out of range.
    TypeError
        From `init`, for other losses and penalties, and for rows that it cannot read.

    References
    ----------
    Hsieh, Chang, Lin, Keerthi & Sundararajan, A dual coordinate descent method for large-scale
    linear SVM, ICML 2008, https://doi.org/10.1145/1390156.1390208; Keerthi, Sundararajan, Chang,
    Hsieh & Lin, A sequential dual method for large scale multi-class linear SVMs, KDD 2008,
    https://doi.org/10.1145/1401890.1401942; Shalev-Shwartz & Zhang, Accelerated proximal stochastic
    dual coordinate ascent, 2016, https://doi.org/10.1007/s10107-014-0839-0

    Examples
    --------
    >>> DualAscent(accuracy=0)
    Traceback (most recent call last):
    ValueError: DualAscent(accuracy=...) must be above 0 and below 1, got 0.
    """

    accuracy: float = 3e-4
    seed: int = 0
    turn_epochs: int = 100
    recovers: ClassVar[bool] = True
    orders_classes: ClassVar[bool] = True  # one by one: the path depends on their order

    def __post_init__(self) -> None:
        check_number("DualAscent(accuracy=...)", self.accuracy, above=0, below=1)
        check_number("DualAscent(seed=...)", self.seed, at_least=0, integer=True)
        check_number("DualAscent(turn_epochs=...)", self.turn_epochs, at_least=1, integer=True)

    def init(self, W: Array, objective: Objective) -> DualAscentState:
        """Dual points 0, or about those of the given W; nothing is evaluated yet."""
        why = refusal(objective)
        if why is not None:
            raise TypeError(f"DualAscent {why}")
        members = W.shape[1]
        blocks = objective.blocks
        room, total = objective.anchor.room, objective.total_weight
        access = RowAccess(objective.loss, blocks, objective.linear, total, room)
        dual = np.zeros((members, len(blocks.y), objective.n_classes), blocks.dtype)
        if W.any():
            scores = objective.scores(W).reshape(-1, members, objective.n_classes)
            rows = slice(None) if blocks.index is None else blocks.index
            dual[:, rows] = objective.loss.formula(scores, blocks.labels())[1].swapaxes(0, 1)
            for m in range(members):
                if not isinstance(access.classes(m), slice):
                    dual[m] = 0
        return DualAscentState(
            W,
            np.zeros(members),
            access=access,
            target=W,
            dual=dual,
            value=np.full(members, np.inf),
            accuracy=np.full(members, self.accuracy),
            rho=np.asarray(objective.penalty.curvature(members), np.float64),
            threshold=np.asarray(objective.penalty.thresholds(members), np.float64),
        )

    def continued(
        self, objective: Objective, state: DualAscentState, evaluation: Evaluation
    ) -> DualAscentState:
        """The dual points stay, and the accuracy with which the last turn ended."""
        if np.array_equal(evaluation.request.W, state.target):
            _accept(state, evaluation)
        members = state.W.shape[1]
        return replace(
            state,
            value=np.full(members, np.inf),
            accuracy=np.minimum(self.accuracy, state.accuracy / SHARPER),
            rho=np.asarray(objective.penalty.curvature(members), np.float64),
            threshold=np.asarray(objective.penalty.thresholds(members), np.float64),
            epochs=0.0,
            done=None,
        )

    def propose(self, state: DualAscentState) -> Request:
        """The next point with its dual point."""
        given = AtDualPoint(dual=state.dual)
        return Request(state.target, smoothing=given, spent=state.epochs)

    def update(self, state: DualAscentState, evaluation: Evaluation) -> DualAscentState:
        """Epochs from the dual point that was evaluated."""
        gradient = evaluation.data_gradient
        assert gradient is not None
        _accept(state, evaluation)
        members = gradient.shape[1]
        access = state.access
        work = 2 * access.row_values * gradient.shape[2]  # of an epoch of one member
        visits = int(min(max(TURN_WORK / (work * members), LEAST_VISITS), self.turn_epochs))
        workers = 1 if work * visits < ALONE else available_workers(access.blocks.n_jobs)
        turns = [
            Turn(state, m, gradient[:, m], self.seed + state.turns, self.turn_epochs, visits)
            for m in range(members)
        ]
        share = 1 if members > 1 else workers
        results = list(ordered_map(lambda turn: turn.run(share), turns, workers))
        state.target = np.stack([W for W, _, _ in results], axis=1)
        state.epochs = float(np.mean([passes for _, passes, _ in results]))
        accurate = np.array([accurate for _, _, accurate in results])
        sharper = np.maximum(SHARPER * state.accuracy, 1e-14)
        state.accuracy = np.where(accurate, sharper, state.accuracy)
        state.turns += 1
        return state


def _accept(state: DualAscentState, evaluation: Evaluation) -> None:
    """Move the members whose value has not risen to the point that was evaluated."""
    accepted = evaluation.total <= state.value
    state.step = np.where(accepted, 1.0, 0.0)
    state.value = np.where(accepted, evaluation.total, state.value)
    state.W = np.where(by_member(accepted), evaluation.request.W, state.W)


def loss_after(objective: Objective, epochs: int) -> float:
    """The data loss that a few epochs leave, the largest of all members."""
    unseen = replace(objective, observe=None)
    members = max(len(objective.total_weight), len(np.atleast_1d(objective.penalty.curvature(1))))
    optimizer = DualAscent(turn_epochs=epochs)
    state = optimizer.init(unseen.initial(members), unseen)
    state = optimizer.update(state, unseen.evaluate(optimizer.propose(state)))
    return float(np.max(unseen.evaluate(optimizer.propose(state)).data))

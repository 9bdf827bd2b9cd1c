"""Penalties: functions R of the penalized part of the parameters, W[:-1], never of the bias.

A stack has M members, so a strength is one number or one per member, and values have shape (M,).
All penalties have a prox, argmin_V ½‖V − W‖²/step + λR(V); smooth ones have a gradient, too.

A new penalty is one class and one row in `PENALTIES`.
"""

from halfspaces.penalties.base import Penalty as Penalty
from halfspaces.penalties.elastic_net import ElasticNet as ElasticNet
from halfspaces.penalties.l1 import L1 as L1
from halfspaces.penalties.l2 import L2 as L2
from halfspaces.penalties.max_norm import MaxNorm as MaxNorm
from halfspaces.penalties.none import NoPenalty as NoPenalty

PENALTIES: dict[str, type[Penalty]] = {
    "l2": L2,
    "l1": L1,
    "elastic_net": ElasticNet,
    "max_norm": MaxNorm,
    "none": NoPenalty,
}

"""Losses: functions of one example's scores and its label, L_i(s, y).

A loss does not depend on images, parameters, weights or devices. It takes the scores, arrays of any
library that follows the array API standard, of shape (B, C) or (B, M, C) for B examples, M members
and C classes, and integer labels (B,). It returns the loss of each example and the gradient with
respect to the scores.

There are three kinds of multiclass loss:

* pairwise: Σ_{j≠y} φ(s_j − s_y + Δ), the hinge and squared hinge of Weston and Watkins;
* one-vs-all: Σ_j φ(Δ ∓ s_j), − for the right class;
* the largest or the soft-largest score: Crammer and Singer's hinge, softmax.

φ is a `halfspaces.losses.surrogates.Surrogate`, a convex function of one violation z: `Plus`,
`SquaredPlus` or `Softplus`.

A new loss is one class and one row in `LOSSES`.
"""

from halfspaces.losses.base import Loss as Loss
from halfspaces.losses.crammer_singer import CrammerSinger as CrammerSinger
from halfspaces.losses.hinge import Hinge as Hinge
from halfspaces.losses.hinge import SquaredHinge as SquaredHinge
from halfspaces.losses.one_vs_all import OneVsAll as OneVsAll
from halfspaces.losses.softmax import Softmax as Softmax
from halfspaces.losses.surrogates import Plus as Plus
from halfspaces.losses.surrogates import Softplus as Softplus
from halfspaces.losses.surrogates import SquaredPlus as SquaredPlus
from halfspaces.losses.surrogates import Surrogate as Surrogate

LOSSES: dict[str, Loss] = {
    "softmax": Softmax(),
    "hinge": Hinge(),
    "squared_hinge": SquaredHinge(),
    "crammer_singer": CrammerSinger(),
    "ova_hinge": OneVsAll(Plus()),
    "ova_squared_hinge": OneVsAll(SquaredPlus()),
    "ova_logistic": OneVsAll(Softplus(), margin=0.0),
}

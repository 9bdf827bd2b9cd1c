"""The objective L(W) = Σ w_i L_i / Σ w_i + λ R(W): what is asked of it, its answer, its bounds."""

from halfspaces.objective.objective import Objective as Objective
from halfspaces.objective.request import Evaluation as Evaluation
from halfspaces.objective.request import Request as Request

"""Translator between λ and other libraries' regularization parameters.

halfspaces minimizes a mean plus λ R(W), without a hidden ½ or N:

    Σ w_i L_i / Σ w_i + λ R(W)      R = ΣW² (`L2`), Σ|W| (`L1`), Σ(βW² + |W|) (`ElasticNet`)

Other libraries take a sum instead of the mean, halve the squares, halve a loss, average over the
classes, or fit one column for two classes instead of two. `to_penalty` returns the penalty that
their parameters mean, `from_penalty` the reverse. `CONVENTIONS` holds one class for each library:
its docstring is the library's objective, its fields are the library's parameters.

Three things no parameter can translate:

* R acts on standardized features by default, other libraries' penalties on the features as they
  are (except glmnet's): give them standardized features, or fit with
  `LinearClassifier(standardize=False)`.
* The bias is never penalized here. LIBLINEAR and `LinearSVC` penalize it; torch decays whatever
  parameters it is given.
* AdamW's decoupled decay is not the gradient of any penalty.
"""

from halfspaces.convert.base import Convention
from halfspaces.convert.conventions import CONVENTIONS
from halfspaces.convert.translation import from_penalty, to_penalty

__all__ = ["CONVENTIONS", "Convention", "from_penalty", "to_penalty"]

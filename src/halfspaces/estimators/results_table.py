"""The table of a search for λ, one row a strength: `LinearClassifierCV.cv_results_`."""

from collections.abc import Mapping

import numpy as np
from scipy.stats import rankdata

from halfspaces.estimators.scoring import ScoreTable
from halfspaces.support.types import Array
from halfspaces.system.notebooks import table as html_table
from halfspaces.tuning.grid import Grid


def results_table(strengths: Array, grid: Grid, table: ScoreTable) -> dict[str, Array]:
    """The columns of `cv_results_` (S,); nan for strengths that were not solved.

    Parameters
    ----------
    strengths : array, shape (S,)
        Of the whole grid, falling; the first s of them were solved.
    grid : Grid
        Of the s strengths that were solved.
    table : ScoreTable
        Their scores of the held-out rows.
    """
    scores = table.scores
    solved = len(grid.strengths)
    folds = max(1, grid.W.shape[2] - 1)
    columns = {f"split{fold}_test_score": scores[:, fold] for fold in range(scores.shape[1])}
    columns |= {
        "mean_test_score": table.mean,
        "std_test_score": scores.std(axis=1),
        "standard_error": table.error,
        "interval_low": table.low,
        "interval_high": table.high,
        "tie_breaker": table.tie_breaker,
        "mean_train_loss": grid.loss[:, :folds].mean(axis=1),
        "gap": grid.gap[:, -1],
        "passes": grid.passes.sum(axis=1),
        "nonzeros": np.count_nonzero(grid.W[:-1, :, -1], axis=(0, 2)).astype(float),
    }
    missing = (0, len(strengths) - solved)
    padded = {
        name: np.pad(column, missing, constant_values=np.nan) for name, column in columns.items()
    }
    comparable = np.nan_to_num(padded["mean_test_score"], nan=-np.inf)
    return {
        "param_strength": strengths,
        **padded,
        "rank_test_score": rankdata(-comparable, method="min").astype(np.int32),
        "dropped": np.arange(len(strengths)) >= solved,
    }


def results_as_html(results: Mapping[str, Array], best: int) -> str:
    """The solved rows of `cv_results_` for a notebook; the chosen one is marked."""
    columns = ("mean_test_score", "interval_low", "interval_high", "mean_train_loss", "nonzeros")
    rows = [
        (
            f"{results['param_strength'][row]:.3g}",
            *(f"{results[name][row]:.4g}" for name in columns),
            "chosen" if row == best else "",
        )
        for row in np.flatnonzero(~results["dropped"])
    ]
    header = ("λ", "held-out score", "95 % from", "to", "training loss", "weights not 0", "")
    return html_table(rows, header)

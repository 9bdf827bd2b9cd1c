"""The suspects of a data set: found in the folds of a search for λ, and printed."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.text import Text

from halfspaces.cli import opened_data, report
from halfspaces.cli.listening import Printed
from halfspaces.cli.recipe import Recipe
from halfspaces.cli.training import choose_strength, described_examples
from halfspaces.datasets.suspects import Suspects, find_suspects
from halfspaces.support.types import Array
from halfspaces.system.distinct import encoded


@dataclass(frozen=True, eq=False)
class SuspectRows:
    """Suspects with the names of their rows and classes.

    Parameters
    ----------
    suspects : Suspects
    names : list of str
        Of the C classes.
    table : dict of arrays, shape (count,)
        row, the columns that name rows, label, likely, score.
    """

    suspects: Suspects
    names: list[str] = field(repr=False)
    table: dict[str, Array] = field(repr=False)

    def show(self, out: Path | None, most: int) -> None:
        """Print how many there are, the first of them, and the most frequent pairs of classes."""
        found = self.suspects
        share = report.percent(found.count / len(found.rows))
        words = f"{found.count:,} of {len(found.rows):,} labels, {share}"
        report.pair("suspects", words)
        columns = list(self.table)
        if found.count:
            shown = report.table_of(*columns)
            for row in zip(*(self.table[name][:most].tolist() for name in columns), strict=True):
                cells = (f"{each:.2g}" if isinstance(each, float) else str(each) for each in row)
                shown.add_row(*map(Text, cells))
            report.console.print(shown)
            self._show_pairs(most // 2)
        if out is not None:
            report.pair("written", str(out))
        elif found.count > most:
            report.pair("", f"the first {most}; --out FILE.csv lists all")

    def _show_pairs(self, most: int) -> None:
        shares = self.suspects.shares
        order = np.argsort(-shares, axis=None, kind="stable")[:most].tolist()
        pairs = report.table_of("label", "likely", "share of all labels")
        for label, likely in (divmod(place, len(shares)) for place in order):
            share = float(shares[label, likely])
            if share > 0:
                cells = (self.names[label], self.names[likely], report.percent(share))
                pairs.add_row(*map(Text, cells))
        report.console.print()
        report.console.print(pairs)


def found(recipe: Recipe, level: float) -> SuspectRows:
    """Search for λ in folds, as `halfspaces train` does, and rank the labels of the folds."""
    listener = Printed()
    given = opened_data.read(recipe, listener)
    held_out = opened_data.held_out(recipe, given)
    decision = opened_data.decided(recipe, given, listener)
    recipe = decision.recipe
    examples = described_examples(recipe, decision.given, held_out, listener)
    search = choose_strength(recipe, examples, listener)
    assert search is not None  # with --folds there is one
    scores = search.held_out_scores_
    loss = recipe.make_loss()
    probabilities = scores.probabilities(loss, scores.missing_calibration(loss, None))
    classes, y = encoded(given.y)
    suspects = find_suspects(y, probabilities, level=level)
    name = report.namer(given.class_names)
    names = [name(each) for each in classes]
    of_class = np.array(names, dtype=object)
    listed = slice(suspects.count)
    rows = suspects.rows[listed]
    table = {
        "row": rows,
        **{key: values[rows] for key, values in given.keys.items()},
        "label": of_class[suspects.labels[listed]],
        "likely": of_class[suspects.likely[listed]],
        "score": suspects.scores[listed],
    }
    return SuspectRows(suspects, names, table)

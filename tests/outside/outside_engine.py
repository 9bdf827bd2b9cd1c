"""An engine from outside the package: partitions in this process, visited one after the other."""

from halfspaces.engines import Engine
from halfspaces.engines.placed import check_rows


class InTurn(Engine):
    """Loads the rows of a partition when they are first visited, and keeps them."""

    name = "in turn"

    def __init__(self):
        self._held = {}  # rows by (number of X, partition)

    def results(self, visits):
        """What `How.of` gives for each part of a pass, in order."""
        for part in visits.parts:
            rows = self._rows(visits.X, part.partition)
            first = int(visits.X.starts[part.partition])
            own = slice(first, first + rows.shape[0])
            weight = None if visits.weight is None else visits.weight[own]
            yield visits.how.of(rows, visits.y[own], weight, part.rows, first)

    def forget(self, number):
        """Free the rows of this number."""
        self._held = {key: rows for key, rows in self._held.items() if key[0] != number}

    def _rows(self, X, partition):
        key = X.number, partition
        if key not in self._held:
            self._held[key] = check_rows(X.sources[partition].load())
        return self._held[key]

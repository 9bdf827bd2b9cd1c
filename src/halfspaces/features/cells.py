"""Cells: squares of pixels side by side from the upper left corner, or the whole image as one."""

from typing import Any, NamedTuple

from halfspaces.support.validation import check_number


class Cells(NamedTuple):
    """Rows and columns of cells, and a cell's height and width in pixels; what is left over at the ends is not seen."""

    rows: int
    columns: int
    height: int
    width: int


def check_cell(feature: Any, height: int, width: int) -> None:
    """Raise for a cell that is none, or larger than an image."""
    name = f"{type(feature).__name__}(cell=...)"
    if feature.cell is None:
        return
    check_number(name, feature.cell, at_least=1, integer=True)
    if feature.cell > min(height, width):
        given = f"images of {height} x {width} pixels are smaller than a cell of {feature.cell} x {feature.cell}"
        raise ValueError(
            f"{type(feature).__name__}: {given}; give a smaller cell, or larger images."
        )


def cells_of(cell: int | None, height: int, width: int) -> Cells:
    """Cells of an image; None is one cell.

    >>> cells_of(8, 32, 36)
    Cells(rows=4, columns=4, height=8, width=8)
    """
    if cell is None:
        return Cells(1, 1, height, width)
    return Cells(height // cell, width // cell, cell, cell)

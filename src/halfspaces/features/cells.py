"""Cells: squares of pixels side by side from the upper left corner, or the whole image as one."""

from typing import NamedTuple, Protocol

from halfspaces.support.validation import check_number


class Cells(NamedTuple):
    """Numbers of rows and columns of cells, and the height and width of a cell in pixels.

    Pixels right of the last column of cells and below the last row are not used.
    """

    rows: int
    columns: int
    height: int
    width: int


class HasCell(Protocol):
    """A feature with an option `cell`."""

    @property
    def cell(self) -> int | None:
        """Side of a cell in pixels, or None."""


def check_cell(feature: HasCell, height: int, width: int) -> None:
    """Raise for an invalid cell, or one that is larger than an image."""
    name = type(feature).__name__
    cell = feature.cell
    if cell is None:
        return
    check_number(f"{name}(cell=...)", cell, at_least=1, integer=True)
    if cell > min(height, width):
        given = f"images of {height} x {width} pixels are smaller than a cell of {cell} x {cell}"
        raise ValueError(f"{name}: {given}; give a smaller cell, or larger images.")


def cells_of(cell: int | None, height: int, width: int) -> Cells:
    """The cells of an image; None is one cell.

    >>> cells_of(8, 32, 36)
    Cells(rows=4, columns=4, height=8, width=8)
    """
    if cell is None:
        return Cells(1, 1, height, width)
    return Cells(height // cell, width // cell, cell, cell)

"""A Figure that a notebook shows, whether pyplot was imported or not."""

from io import BytesIO

from matplotlib.figure import Figure


class ShownFigure(Figure):
    """A Figure whose value in a cell is its picture; matplotlib's is text until pyplot draws."""

    def _repr_png_(self) -> bytes:
        stream = BytesIO()
        self.savefig(stream, format="png")
        return stream.getvalue()

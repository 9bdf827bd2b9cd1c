"""What all Displays share: how they are drawn, saved and described in words.

A Display holds the numbers of a picture, computed by `from_estimator`, `from_result` and the like,
and draws them on matplotlib Axes. Nothing imports matplotlib before something is drawn.
"""

import html
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Self

import numpy as np

from halfspaces.plots.figure import FORMATS, KIND, check_format
from halfspaces.support.types import Array
from halfspaces.system.atomic import write_whole
from halfspaces.system.errors import shown_lines
from halfspaces.system.mark import mark

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito's colours: they differ for the colour-blind, and in brightness.
BLACK = "#000000"
BLUE = "#0072B2"
RED = "#D55E00"
GREEN = "#009E73"
PURPLE = "#CC79A7"
ORANGE = "#E69F00"
SKY = "#56B4E9"
GREY = "#8A8A8A"


class Line(NamedTuple):
    """The look of a curve: no two agree in dashes and marker, so that colour is not needed."""

    color: str
    linestyle: str | tuple[int, tuple[int, ...]]
    marker: str


LINES = (
    Line(BLACK, "-", "o"),
    Line(BLUE, "--", "s"),
    Line(RED, "-.", "^"),
    Line(GREEN, ":", "D"),
    Line(PURPLE, (0, (6, 1, 1, 1, 1, 1)), "v"),
    Line(ORANGE, (0, (1, 1)), "P"),
    Line(SKY, (0, (8, 3)), "X"),
)

# Of a legend: a line with its gaps, a character, and its room in widths of the Axes before layout.
HANDLE_INCHES = 0.55
CHARACTER_INCHES = 0.07
WIDER = 1.15

SETTINGS = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": "medium",
    "legend.frameon": False,
    "legend.fontsize": "small",
    "text.parse_math": False,  # names with $ stay text
    "svg.hashsalt": "halfspaces",  # the same picture has the same bytes
}


@contextmanager
def settings() -> Iterator[None]:
    """Draw with the settings of this package; users' own are left as they are."""
    import matplotlib

    ours: Any = SETTINGS  # matplotlib's stubs list every name
    # No rc_context: a notebook's backend, which the first figure starts, sets "interactive", and
    # shows no other figure without it; rc_context would take that back.
    before = {name: matplotlib.rcParams[name] for name in ours}
    matplotlib.rcParams.update(ours)
    try:
        with warnings.catch_warnings():
            # Of names in writing systems that the font lacks: they are drawn as boxes.
            warnings.filterwarnings("ignore", message="Glyph .* missing from")
            yield
    finally:
        matplotlib.rcParams.update(before)


class Display(ABC):
    """A picture of numbers: `plot` draws it, `save` writes it to a file, `alt` says it in words.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        After `plot`.
    """

    kind: ClassVar[str] = ""  # its name on the command line
    size: ClassVar[tuple[float, float]] = (6.0, 4.0)  # inches

    ax_: "Axes"
    figure_: "Figure"

    @abstractmethod
    def draw(self, ax: "Axes") -> None:
        """Draw on Axes."""

    @property
    @abstractmethod
    def alt(self) -> str:
        """What is seen, in a sentence or two: the alternative text of the picture."""

    @property
    def shape(self) -> tuple[float, float]:
        """Width and height of a figure of its own, in inches."""
        return self.size

    def plot(self, ax: "Axes | None" = None) -> Self:
        """Draw on Axes; None draws on a new figure of pyplot.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        """
        if ax is None:
            try:
                from matplotlib import pyplot
            except ImportError as error:
                missing = "Plots need matplotlib; pip install 'halfspaces[plots]'."
                raise ImportError(missing) from error
            with settings():
                ax = pyplot.subplots(figsize=self.shape, layout="constrained")[1]
        with settings():
            self.draw(ax)
        self.ax_ = ax
        self.figure_ = ax.figure  # pyright: ignore[reportAttributeAccessIssue]
        return self

    def save(self, path: str | Path) -> None:
        """Write a .svg, .png or .pdf file, with the alternative text in it."""
        path = Path(path)
        check_format(path)
        write_whole(path, self.content(path.suffix.lower()))

    def content(self, suffix: str = ".svg") -> bytes:
        """The content of a file of this format, drawn without a window."""
        if suffix not in FORMATS:
            raise ValueError(f"A picture is one of {', '.join(FORMATS)}, got {suffix!r}.")
        from matplotlib.figure import Figure

        stream = BytesIO()
        with settings():
            figure = Figure(figsize=self.shape, layout="constrained")
            self.draw(figure.subplots())
            about = {
                ".svg": {"Title": self.alt, "Description": mark(KIND), "Date": None},
                ".png": {"Description": self.alt, "Comment": mark(KIND)},
                ".pdf": {"Subject": self.alt, "Keywords": mark(KIND), "CreationDate": None},
            }
            figure.savefig(stream, format=suffix.removeprefix("."), dpi=150, metadata=about[suffix])
        drawn = stream.getvalue()
        if suffix != ".svg":
            return drawn
        # Screen readers ask for the role; XML has no place for escape codes, which names may have.
        return shown_lines(drawn.decode().replace("<svg ", '<svg role="img" ', 1)).encode()

    def _repr_png_(self) -> bytes:
        return self.content(".png")

    def _repr_html_(self) -> str:
        import base64

        data = base64.b64encode(self.content(".png")).decode()
        alt = html.escape(self.alt)
        return f'<img alt="{alt}" src="data:image/png;base64,{data}" style="max-width: 100%">'


def logarithmic(ax: "Axes", side: Literal["x", "y"], values: Array) -> None:
    """Make an axis logarithmic, with ticks such as 0.01, 0.1, 1 for these values."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    positive = values[np.isfinite(values) & (values > 0)]
    decades = float(np.log10(positive.max() / positive.min())) if len(positive) else 1.0
    ax.set(**{f"{side}scale": "log"})
    axis = ax.xaxis if side == "x" else ax.yaxis
    subs = (1.0, 2.0, 5.0) if decades < 2 else (1.0,)
    axis.set_major_locator(LogLocator(subs=subs, numticks=8))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def legend(ax: "Axes") -> None:
    """Draw the legend above the Axes, where it hides no curve: in two columns if they fit."""
    names = ax.get_legend_handles_labels()[1]
    left = names[: -(-len(names) // 2)]
    right = names[len(left) :]
    longest = sum(max(map(len, column), default=0) for column in (left, right))
    needed = 2 * HANDLE_INCHES + CHARACTER_INCHES * longest
    room = WIDER * ax.bbox.width / ax.figure.dpi
    columns = 2 if needed <= room else 1
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderaxespad=0.3)


def number(value: float) -> str:
    """A number for a label or a sentence: three digits."""
    return f"{value:.3g}"


def shortened(name: str, length: int) -> str:
    """A name of at most so many characters, with … where it is cut.

    >>> shortened("automobile", 5)
    'auto…'
    """
    return name if len(name) <= length else f"{name[: length - 1]}…"

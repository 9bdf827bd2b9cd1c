"""Draw docs/pictures/regularization.png from the measurements in docs/regularization/."""

import io
from typing import TYPE_CHECKING, NamedTuple

from matplotlib.figure import Figure
from PIL import Image, PngImagePlugin

from docs.regularization import CIFAR, DOCS, FLOWERS, SWEEPS, recorded
from halfspaces.plots.display import BLACK, BLUE, settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PICTURE = DOCS / "pictures" / "regularization.png"
COLUMNS = 4
DOTS = 90  # per inch
COLOURS = 16  # a picture of few colours is small
ALT = (
    "Train and test accuracy of CIFAR-10 and flowers128 over the strength of each regularizer, a "
    "panel each, without it at the left end."
)


class Curve(NamedTuple):
    """Train and test differ by dashes and filled markers, data sets by markers and brightness."""

    data: str
    part: str
    color: str
    linestyle: str
    marker: str
    fill: str


CURVES = (
    Curve(CIFAR, "train", BLACK, "--", "o", "white"),
    Curve(CIFAR, "test", BLACK, "-", "o", BLACK),
    Curve(FLOWERS, "train", BLUE, "--", "s", "white"),
    Curve(FLOWERS, "test", BLUE, "-", "s", BLUE),
)


def draw() -> None:
    """Write the picture; its last panel is the legend."""
    rows = -(-(len(SWEEPS) + 1) // COLUMNS)
    with settings():
        figure = Figure(figsize=(2.9 * COLUMNS, 2.3 * rows), layout="constrained")
        axes = figure.subplots(rows, COLUMNS, sharey=True).ravel()
        for ax, name in zip(axes, SWEEPS, strict=False):
            panel(ax, name)
        for ax in axes[len(SWEEPS) :]:
            ax.axis("off")
        handles, labels = axes[0].get_legend_handles_labels()
        axes[-1].legend(handles, labels, loc="center left", fontsize="medium", handlelength=3.5)
        for ax in axes[::COLUMNS]:
            ax.set_ylabel("accuracy, %")
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=DOTS)
    about = PngImagePlugin.PngInfo()
    about.add_text("Description", ALT)
    picture = Image.open(stream).convert("RGB")
    picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        PICTURE, optimize=True, pnginfo=about
    )
    print(f"{PICTURE.name}: {picture.width} x {picture.height}, {PICTURE.stat().st_size:,} bytes")


def panel(ax: "Axes", name: str) -> None:
    """The four curves of a sweep; strengths are evenly spaced, in the order of the sweep."""
    sweep = SWEEPS[name]
    strengths = [str(strength) for strength in sweep.strengths]
    measurements = {(row.data, row.strength): row for row in recorded(name)}
    for curve in CURVES:
        found = [measurements[curve.data, strength] for strength in strengths]
        ax.plot(
            range(len(strengths)),
            [row.train if curve.part == "train" else row.test for row in found],
            color=curve.color,
            linestyle=curve.linestyle,
            marker=curve.marker,
            markersize=4.5,
            markerfacecolor=curve.fill,
            label=f"{curve.data}, {curve.part}",
        )
    ax.set_title(sweep.title)
    ax.set_xticks(range(len(strengths)), strengths)
    ax.set_xlim(-0.3, len(strengths) - 0.7)
    ax.set_ylim(0, 105)
    ax.set_xlabel(sweep.axis)
    ax.grid(axis="y", color="0.9")

"""Laws of every Display: its picture can be read, also without colours, and is said in words."""

import re
from itertools import combinations

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from halfspaces.plots.display import Display, settings


def law_readable(display: Display) -> None:
    """Text is within the figure, no two texts overlap, and no two curves differ by colour alone."""
    with settings():
        figure = Figure(figsize=display.shape, layout="constrained")
        FigureCanvasAgg(figure)
        display.draw(figure.subplots())
        figure.canvas.draw()
        boxes = _texts(figure)
    width, height = figure.canvas.get_width_height()
    for text, box in boxes:
        cut = box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height
        assert not cut, f"{display.kind}: {text!r} is cut"
    for (one, a), (two, b) in combinations(boxes, 2):
        across = min(a.x1, b.x1) - max(a.x0, b.x0)
        down = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert min(across, down) < 2, f"{display.kind}: {one!r} and {two!r} overlap"
    for ax in figure.axes:
        _law_without_colours(display, ax)


def _law_without_colours(display, ax):
    """Curves with names differ in dashes, marker or width; bars in brightness or hatching."""
    looks = {}
    for line in ax.get_lines():
        name = str(line.get_label())
        if name.startswith("_"):
            continue
        dashes = str(line._dash_pattern)
        look = dashes if line.get_linestyle() != "None" else "", line.get_marker()
        look = *look, line.get_linewidth() > 1.9
        assert look not in looks, f"{display.kind}: {name!r} and {looks[look]!r} look the same"
        looks[look] = name
    fills = {}
    for container in ax.containers:
        name = str(container.get_label())
        patch = next(iter(container), None)
        if name.startswith("_") or not hasattr(patch, "get_hatch"):
            continue
        brightness = round(float(np.dot(patch.get_facecolor()[:3], (0.3, 0.6, 0.1))), 1)
        look = patch.get_hatch(), brightness
        assert look not in fills, f"{display.kind}: {name!r} and {fills[look]!r} look the same"
        fills[look] = name


def _texts(figure):
    """Bounding boxes of what is written, by text."""
    renderer = figure.canvas.get_renderer()
    boxes = []
    insets = [inset for ax in figure.axes for inset in ax.child_axes]
    for ax in [*figure.axes, *insets]:
        shown = [*ax.texts, ax.title, ax.xaxis.label, ax.yaxis.label]
        if ax.axison:
            shown += _inside(ax.get_xticklabels(), ax.get_xlim(), 0)
            shown += _inside(ax.get_yticklabels(), ax.get_ylim(), 1)
        legend = ax.get_legend()
        shown += [] if legend is None else legend.get_texts()
        boxes += [
            (text.get_text(), text.get_window_extent(renderer)) for text in shown if text.get_text()
        ]
    # Twin axes have their ticks twice, at the same place.
    return list({(text, *box.bounds): (text, box) for text, box in boxes}.values())


def _inside(labels, limits, side):
    low, high = sorted(limits)
    return [label for label in labels if low <= label.get_position()[side] <= high]


def law_described(display: Display) -> None:
    """The alternative text is a sentence, in the file; the same numbers give the same bytes."""
    assert re.fullmatch(r"[A-Z0-9].*\.", display.alt, re.DOTALL)
    assert not {"nan", "inf"} & set(re.findall(r"\w+", display.alt))
    drawn = display.content(".svg")
    assert drawn.count(b"<title>") == 1
    assert b"<script" not in drawn
    assert drawn == display.content(".svg")
    assert display.content(".png").startswith(b"\x89PNG")

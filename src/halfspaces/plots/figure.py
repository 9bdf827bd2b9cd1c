"""What all pictures share: figures, their files, images and sheets of small images."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from halfspaces.support.types import Array
from halfspaces.system.mark import mark

KIND = "plot"  # in the mark of the files
DESCRIPTIONS = {".png": "Description", ".svg": "Description", ".pdf": "Subject"}
FORMATS = tuple(DESCRIPTIONS)
TITLE_PAD = 10  # points between a picture and its title
FRAME = 0.08  # width of a frame, in sides of the small image


def check_format(out: Path) -> None:
    """Raise ValueError for an unknown format of a file, and ImportError without matplotlib.

    Call it before the work, so that neither is found out after it.
    """
    if out.suffix.lower() not in FORMATS:
        raise ValueError(f"{out} must end in {', '.join(FORMATS[:-1])} or {FORMATS[-1]}.")
    new_figure(1)


def new_figure(panels: int, size: float = 4) -> Any:
    """An empty Figure for panels side by side, each `size` inches wide.

    Raises ImportError if matplotlib is missing.
    """
    try:
        from halfspaces.plots.shown_figure import ShownFigure
    except ImportError as error:
        raise ImportError("Plots need matplotlib; pip install 'halfspaces[plots]'.") from error
    return ShownFigure(figsize=(size * panels, size + 0.4), layout="constrained")


def content_of(figure: Any, out: Path) -> bytes:
    """The content of a file of this Figure, in the format of the name `out`."""
    suffix = out.suffix.lower()
    stream = BytesIO()
    metadata = {DESCRIPTIONS[suffix]: mark(KIND)}
    figure.savefig(stream, format=suffix.removeprefix("."), dpi=150, metadata=metadata)
    return stream.getvalue()


def show_image(axes: Any, image: Array, title: str) -> None:
    """Draw an image (H, W, 3), (H, W, 1) or (H, W) without ticks."""
    is_grey = image.ndim == 2 or image.shape[2] == 1
    pixels = image.reshape(image.shape[:2]) if is_grey else image
    axes.imshow(pixels, cmap="gray" if is_grey else None, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, pad=TITLE_PAD)


def sheet_of(images: Array, frames: Array | None = None) -> Array:
    """Small images (n, S, S) or (n, S, S, C), row by row in a square.

    They are on white; with colours (n, 3), each in a frame of its colour.
    """
    images = images if images.ndim == 4 else images[..., None]
    if frames is not None and images.shape[3] == 1:
        images = np.repeat(images, 3, axis=3)
    size = images.shape[1]
    side = int(np.ceil(np.sqrt(len(images))))
    frame = 0 if frames is None else max(1, round(FRAME * size))
    gap = max(1, frame // 2)
    step = size + 2 * frame + gap
    sheet = np.ones((side * step - gap, side * step - gap, images.shape[3]))
    for position, image in enumerate(images):
        row = step * (position // side)
        column = step * (position % side)
        if frames is not None:
            sheet[row : row + step - gap, column : column + step - gap] = frames[position]
        top = row + frame
        left = column + frame
        sheet[top : top + size, left : left + size] = image
    return sheet

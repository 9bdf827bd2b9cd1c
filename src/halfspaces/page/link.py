"""A link holds a run: points, settings, where it began and how many steps it took.

It is the fragment of an address, which browsers do not send to a server: #run=... The steps are
taken again when it is opened.
"""

import base64
import binascii
import json
import zlib
from typing import Any

import numpy as np

from halfspaces.page.board import MOST_CLASSES, MOST_POINTS, Board, Points, Side
from halfspaces.page.settings import Settings
from halfspaces.page.steps import MOST_STEPS, started
from halfspaces.page.wording import PageError
from halfspaces.support.types import Array

VERSION = 1
PREFIX = "run="
LARGEST = 1 << 22  # bytes of a run once it is unpacked


def to_link(board: Board) -> str:
    """The fragment of a link, without its #.

    Raises
    ------
    PageError
        If there are so many points that no browser takes the address.
    """
    points = board.points
    content = {
        "version": VERSION,
        "classes": board.n_classes,
        "X": _packed(points.X),
        "y": _packed(points.y.astype(np.uint8)),
        "held_out": _packed(points.held_out),
        "sides": [
            {"settings": side.settings.to_json(), "start": _packed(side.start), "steps": side.steps}
            for side in board.sides
        ],
    }
    text = json.dumps(content, separators=(",", ":")).encode()
    if len(text) > LARGEST:
        raise PageError("error.long_link", count=len(points))
    return PREFIX + base64.urlsafe_b64encode(zlib.compress(text, 9)).decode().rstrip("=")


def from_link(link: str) -> Board:
    """The board of a link: an address with #run=..., or its fragment.

    Raises
    ------
    PageError
        If the link is cut or damaged.
    """
    _, found, packed = link.rpartition(PREFIX)
    if not found:
        raise PageError("error.no_link")
    try:
        return _board(json.loads(_unpacked(packed)))
    except PageError:
        raise
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise PageError("error.damaged_link") from error


def _unpacked(packed: str) -> bytes:
    packed = packed.strip()
    try:
        content = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
        unpack = zlib.decompressobj()
        text = unpack.decompress(content, LARGEST)
    except (binascii.Error, zlib.error) as error:
        raise PageError("error.damaged_link") from error
    if not unpack.eof:
        raise PageError("error.damaged_link")
    return text


def _board(content: dict[str, Any]) -> Board:
    n_classes = content["classes"]
    if content["version"] != VERSION or not 2 <= n_classes <= MOST_CLASSES:
        raise PageError("error.damaged_link")
    y = _array(content["y"], np.uint8).astype(np.int64)
    X = _array(content["X"], np.float64).reshape(len(y), 2)
    held_out = _array(content["held_out"], np.bool_)
    if not 0 < len(y) <= MOST_POINTS or len(held_out) != len(y) or y.max() >= n_classes:
        raise PageError("error.damaged_link")
    sides = [_side(side, n_classes) for side in content["sides"][:2]]
    board = Board(Points(X, y, held_out), int(n_classes), tuple(side for side, _ in sides))
    for number, (side, steps) in enumerate(sides):
        board = board.with_side(number, started(side, side.start, steps, board))
    return board


def _side(content: dict[str, Any], n_classes: int) -> tuple[Side, int]:
    """A side before its steps, and their number."""
    start = _array(content["start"], np.float64).reshape(3, 1, n_classes)
    steps = content["steps"]
    if not isinstance(steps, int) or not 0 <= steps <= MOST_STEPS or not np.isfinite(start).all():
        raise PageError("error.damaged_link")
    return Side(Settings.from_json(content["settings"]), start, start), steps


def _packed(values: Array) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()


def _array(text: str, dtype: Any) -> Array:
    return np.frombuffer(base64.b64decode(text, validate=True), dtype).copy()

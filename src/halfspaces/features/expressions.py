"""Expressions such as "hog(cell=8)+hue": the registry of features, and the parser.

A term is a word of `FEATURES`, with options of its class.
The value of an option is a Python literal, or another feature.
`name:text` is short for `name("text")`.
Parsing evaluates no code.
"""

import ast
import re
from typing import Any

from halfspaces.features.bag import BagOfWords
from halfspaces.features.base import Feature, options_of
from halfspaces.features.color import ColorHistogram, HueHistogram
from halfspaces.features.encoder import Encoder
from halfspaces.features.gist import GIST
from halfspaces.features.hog import HOG
from halfspaces.features.lbp import LBP
from halfspaces.features.patches import Patches
from halfspaces.features.pixels import Pixels
from halfspaces.features.raw_patches import RawPatches
from halfspaces.features.sift import DenseSIFT
from halfspaces.features.similarity import SelfSimilarity
from halfspaces.features.textons import FilterBank, Textons
from halfspaces.features.union import Mixture
from halfspaces.system.errors import UnknownComponentError
from halfspaces.system.names import nearest

FEATURES: dict[str, type[Feature]] = {
    kind.word: kind
    for kind in (
        Pixels,
        HueHistogram,
        ColorHistogram,
        HOG,
        LBP,
        DenseSIFT,
        Patches,
        RawPatches,
        BagOfWords,
        SelfSimilarity,
        GIST,
        FilterBank,
        Textons,
        Encoder,
    )
}

MOST_CHARACTERS = 10_000
SHORT_TERM = re.compile(r"(^|\+)\s*([A-Za-z_]\w*)\s*:([^+]*)")


def parse(text: str) -> Feature:
    """The feature that an expression names; a `Mixture` for several terms joined by +.

    Raises
    ------
    ValueError, TypeError
        One sentence that lists the known words, or the options of a word.

    Examples
    --------
    >>> parse("hue(bins=12)")
    HueHistogram(bins=12)
    >>> print(parse("hue + pixels()"))
    hue+pixels
    >>> parse("pixel")
    Traceback (most recent call last):
    halfspaces...UnknownComponentError: feature='pixel' is not known: did you mean 'pixels'?
    """
    if not isinstance(text, str):
        raise TypeError(f"features are words like 'hue+pixels', got {text!r}.")
    if len(text) > MOST_CHARACTERS:
        limit = f"at most {MOST_CHARACTERS:,} characters long"
        raise ValueError(f"features must be {limit}, got {len(text):,}.")
    long = SHORT_TERM.sub(lambda term: f"{term[1]}{term[2]}({term[3].strip()!r})", text)
    try:
        tree = ast.parse(long.strip(), mode="eval").body
        parts = [_feature(term) for term in _terms(tree)]
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(
            f"features={text!r} cannot be read; write them like 'hue(bins=12)+pixels'."
        ) from error
    return parts[0] if len(parts) == 1 else Mixture(parts)


def _terms(tree: ast.expr) -> list[ast.expr]:
    """The terms of a sum, from left to right."""
    terms = []
    while isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add):
        terms.append(tree.right)
        tree = tree.left
    return [tree, *reversed(terms)]


def _feature(tree: ast.expr) -> Feature:
    """The feature of a term: a word, or a word with options in brackets."""
    call = tree if isinstance(tree, ast.Call) else ast.Call(tree, [], [])
    if not isinstance(call.func, ast.Name):
        raise SyntaxError
    name = call.func.id
    if name not in FEATURES:
        problem = f"feature={name!r} is not known: {nearest(name, FEATURES)}"
        raise UnknownComponentError(problem, name)
    return FEATURES[name](**_options(name, call))


def _options(name: str, call: ast.Call) -> dict[str, Any]:
    """The values of the options that a term gives."""
    known = options_of(FEATURES[name])
    if len(call.args) > len(known):
        raise ValueError(f"{name}(...) takes at most {len(known)} options, got {len(call.args)}.")
    given = {
        option: _value(f"{name}({option}=...)", value)
        for option, value in zip(known, call.args, strict=False)
    }
    for keyword in call.keywords:
        option = keyword.arg
        if option is None:  # **options
            raise SyntaxError
        shown = f"{name}({option}=...)"
        if option not in known:
            raise ValueError(f"{shown} is not known: {nearest(option, known)}")
        if option in given:
            raise ValueError(f"{shown} is given twice; give it once.")
        given[option] = _value(shown, keyword.value)
    return given


def _value(option: str, tree: ast.expr) -> Any:
    """The value of an option: a literal, or a feature."""
    if isinstance(tree, ast.Name) and tree.id not in FEATURES:
        needed = f"{option} must be a number, a word in quotes or a feature"
        raise ValueError(f"{needed}, got {tree.id}; quote words, like '{tree.id}'.")
    if isinstance(tree, ast.Call | ast.Name):
        return _feature(tree)
    try:
        return ast.literal_eval(tree)
    except ValueError:
        raise SyntaxError from None

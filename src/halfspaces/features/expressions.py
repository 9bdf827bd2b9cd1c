"""Features in words: "hog(cell=8)+hue+pixels", read without running anything, and written.

Words are those of `FEATURES`, options those of their classes, values plain literals, or features where one is made of
another. `name:text` is short for `name("text")`.
"""

import ast
import inspect
import re
from typing import Any

from halfspaces.features.bag import BagOfWords
from halfspaces.features.base import Feature
from halfspaces.features.color import ColorHistogram, HueHistogram
from halfspaces.features.encoder import OnnxEncoder
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
from halfspaces.support.validation import nearest

FEATURES: dict[str, type[Feature]] = {
    "pixels": Pixels,
    "hue": HueHistogram,
    "colors": ColorHistogram,
    "hog": HOG,
    "lbp": LBP,
    "sift": DenseSIFT,
    "patches": Patches,
    "raw": RawPatches,
    "words": BagOfWords,
    "ssim": SelfSimilarity,
    "gist": GIST,
    "filters": FilterBank,
    "textons": Textons,
    "onnx": OnnxEncoder,
}

LONGEST = 10_000  # characters
SHORT = re.compile(r"(^|\+)\s*([A-Za-z_]\w*)\s*:([^+]*)")
SILENT = ("n_jobs",)  # how it is computed, not what


def parse(text: str) -> Feature:
    """The feature that words name; a `Mixture` of several with + between them.

    Raises
    ------
    ValueError, TypeError
        One sentence: the words that are known, or the options that a word takes.

    Examples
    --------
    >>> parse("hue(bins=12)")
    HueHistogram(bins=12)
    >>> print(parse("hue + pixels()"))
    hue+pixels
    >>> parse("pixel")
    Traceback (most recent call last):
    ValueError: feature='pixel' is not known: did you mean 'pixels'?
    """
    if not isinstance(text, str):
        raise TypeError(f"features are words like 'hue+pixels', got {text!r}.")
    if len(text) > LONGEST:
        raise ValueError(
            f"features must be at most {LONGEST:,} characters long, got {len(text):,}."
        )
    long = SHORT.sub(lambda found: f"{found[1]}{found[2]}({found[3].strip()!r})", text)
    try:
        tree = ast.parse(long.strip(), mode="eval").body
        parts = [_feature(term) for term in _terms(tree)]
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(
            f"features={text!r} cannot be read; write them like 'hue(bins=12)+pixels'."
        ) from error
    return parts[0] if len(parts) == 1 else Mixture(parts)


def words(feature: Feature) -> str:
    """The words for a feature: options that are not their defaults; a class that has no word by its own name."""
    if isinstance(feature, Mixture):
        return "+".join(map(words, feature.parts))
    names = {kind: name for name, kind in FEATURES.items()}
    name = names.get(type(feature), type(feature).__name__)
    options = []
    for option, default in _options(type(feature)).items():
        value = getattr(feature, option)
        if option not in SILENT and (value != default or type(value) is not type(default)):
            options.append(
                f"{option}={words(value) if isinstance(value, Feature) else repr(value)}"
            )
    return f"{name}({', '.join(options)})" if options else name


def _options(kind: type[Feature]) -> dict[str, Any]:
    """Names and defaults, in order."""
    parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]
    return {parameter.name: parameter.default for parameter in parameters}


def _terms(tree: ast.expr) -> list[ast.expr]:
    """Of a + b + c."""
    terms = []
    while isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add):
        terms.append(tree.right)
        tree = tree.left
    return [tree, *reversed(terms)]


def _feature(tree: ast.expr) -> Feature:
    call = tree if isinstance(tree, ast.Call) else ast.Call(tree, [], [])
    if not isinstance(call.func, ast.Name):
        raise SyntaxError
    name = call.func.id
    if name not in FEATURES:
        raise ValueError(f"feature={name!r} is not known: {nearest(name, FEATURES)}")
    known = _options(FEATURES[name])
    if len(call.args) > len(known):
        raise ValueError(f"{name}(...) takes at most {len(known)} options, got {len(call.args)}.")
    given = {
        option: _value(f"{name}({option}=...)", tree)
        for option, tree in zip(known, call.args, strict=False)
    }
    for keyword in call.keywords:
        if keyword.arg is None:
            raise SyntaxError
        if keyword.arg not in known:
            raise ValueError(
                f"{name}({keyword.arg}=...) is not known: {nearest(keyword.arg, known)}"
            )
        if keyword.arg in given:
            raise ValueError(f"{name}({keyword.arg}=...) is given twice; give it once.")
        given[keyword.arg] = _value(f"{name}({keyword.arg}=...)", keyword.value)
    return FEATURES[name](**given)


def _value(option: str, tree: ast.expr) -> Any:
    """A literal, or a feature."""
    if isinstance(tree, ast.Name) and tree.id not in FEATURES:
        given = f"{option} must be a number, a word in quotes or a feature, got {tree.id}"
        raise ValueError(f"{given}; quote words, like '{tree.id}'.")
    if isinstance(tree, ast.Call | ast.Name):
        return _feature(tree)
    try:
        return ast.literal_eval(tree)
    except ValueError:
        raise SyntaxError from None

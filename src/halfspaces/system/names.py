"""What a caller names: a registry's entry, or an error that proposes the nearest names."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any


def nearest(given: str, known: Iterable[str]) -> str:
    """The end of a sentence that names the most similar known words, or all of them."""
    names = list(known)
    close = difflib.get_close_matches(given, names, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(repr(name) for name in close)}?"
    return f"choose one of {', '.join(repr(name) for name in names)}."


def check_name(what: str, given: Any, known: Iterable[str]) -> None:
    """Raise unless `given` is one of the known words.

    >>> check_name("rule", "bst", ["best", "one_standard_error"])
    Traceback (most recent call last):
    ValueError: rule='bst' is not known: did you mean 'best'?
    """
    if not isinstance(given, str):
        raise TypeError(f"{what} must be one of {', '.join(map(repr, known))}, got {given!r}.")
    if given not in known:
        raise ValueError(f"{what}={given!r} is not known: {nearest(given, known)}")


def lookup(what: str, given: Any, registry: Mapping[str, Any], kind: type) -> Any:
    """The registry's entry for a name, or `given` itself if it is an instance of `kind`.

    >>> lookup("loss", "sofmax", {"softmax": 1, "hinge": 2}, float)
    Traceback (most recent call last):
    ValueError: loss='sofmax' is not known: did you mean 'softmax'?
    """
    if isinstance(given, kind):
        return given
    if isinstance(given, str) and given in registry:
        return registry[given]
    if isinstance(given, str):
        raise ValueError(f"{what}={given!r} is not known: {nearest(given, registry)}")
    article = "an" if kind.__name__[0] in "AEIOU" else "a"
    names = ", ".join(map(repr, registry))
    raise TypeError(f"{what} must be {article} {kind.__name__} or one of {names}, got {given!r}.")

"""Values of options given as text: sizes, lists of strengths, numbers."""

import re

from halfspaces.files.options import MOST_STRENGTHS, STRENGTHS
from halfspaces.support.validation import check_number, check_numbers

LEAST_MEMORY = 256e6  # bytes: fitting needs this much for any data


def class_weight(text: str | None) -> dict[str, float] | str | None:
    """None, "balanced", or the weight of each class by its label, as a text.

    >>> class_weight("balanced"), class_weight("elk=5, red deer=0.5")
    ('balanced', {'elk': 5.0, 'red deer': 0.5})
    """
    if text is None or text == "balanced":
        return text
    weights: dict[str, float] = {}
    for part in text.split(","):
        label, equals, number = part.strip().rpartition("=")
        try:
            weights[label] = float(number)
        except ValueError:
            equals = ""
        if not equals or not label:
            raise ValueError(
                f"--class-weight must be balanced, or weights such as cat=5,dog=1, got {text!r}."
            )
    check_numbers("Each of --class-weight", tuple(weights.values()), at_least=0)
    return weights


def strengths(text: str | None) -> int | list[float]:
    """The number of λ to try, or a list of them.

    >>> strengths("7"), strengths("1,0.1")
    (7, [1.0, 0.1])
    """
    if text is None:
        return STRENGTHS
    parts = text.split(",")
    if len(parts) == 1 and parts[0].strip().isdecimal():
        count = int(text)
        about = "--strengths, as a number of them,"
        check_number(about, count, at_least=2, integer=True)
        check_number(about, count, below=MOST_STRENGTHS + 1)
        return count
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        raise ValueError(
            f"--strengths must be a whole number or a list such as 1,0.1,0.01, got {text!r}."
        ) from None
    check_numbers("Each of --strengths", numbers, above=0)
    return numbers


def whole_numbers(flag: str, text: str) -> list[int]:
    """A list of whole numbers.

    >>> whole_numbers("--shots", "1,2,4")
    [1, 2, 4]
    """
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"{flag} must be a list such as 1,2,4, got {text!r}.") from None


def hidden_layers(text: str) -> tuple[int, ...]:
    """The units of each hidden layer.

    >>> hidden_layers("512,256")
    (512, 256)
    """
    try:
        units = [int(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"--hidden must be a list such as 512,256, got {text!r}.") from None
    check_numbers("Each of --hidden", units, at_least=1)
    return tuple(units)


def step_size(text: str) -> float:
    """A step size that is a number.

    >>> step_size("0.05")
    0.05
    """
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"--step-size must be a number or 'find', got {text!r}.") from None


def memory_bytes(text: str | None) -> float | None:
    """The memory limit in bytes; None if there is no limit.

    >>> memory_bytes("2GB"), memory_bytes("512 mb")
    (2000000000.0, 512000000.0)
    """
    if text is None:
        return None
    size = size_bytes("--memory", text)
    if size < LEAST_MEMORY:
        least = f"{LEAST_MEMORY / 1e6:g}MB, such as 2GB or 512MB"
        raise ValueError(f"--memory must be at least {least}, got {text!r}.")
    return size


def size_bytes(flag: str, text: str) -> float:
    """A number of bytes, written with or without a unit.

    >>> size_bytes("--keep", "0"), size_bytes("--keep", "1.5k")
    (0.0, 1500.0)
    """
    match = re.fullmatch(r"\s*(\d+\.?\d*)\s*([kMGT]?)B?\s*", text, re.IGNORECASE)
    if match is None:
        raise ValueError(f"{flag} must be a size such as 2GB or 512MB, got {text!r}.")
    return float(match[1]) * 1000.0 ** " KMGT".index(match[2].upper() or " ")


def image_size(text: str | None) -> int | tuple[int, int] | None:
    """A side, or a height and a width.

    >>> image_size("32"), image_size("24x16")
    (32, (24, 16))
    """
    if text is None:
        return None
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.strip().isdecimal() for side in sides):
        raise ValueError(
            f"--image-size must be a side or HEIGHTxWIDTH, such as 32 or 24x16, got {text!r}."
        )
    return int(text) if len(sides) == 1 else (int(sides[0]), int(sides[1]))


def seconds(flag: str, text: str) -> float:
    """A time in seconds, written with or without a unit.

    >>> seconds("--budget", "2min"), seconds("--budget", "1.5 h"), seconds("--budget", "0")
    (120.0, 5400.0, 0.0)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|sec|min|m|h)?\s*", text)
    if found is None:
        raise ValueError(f"{flag} must be a time such as 90s, 2min or 1h, got {text!r}.")
    return float(found[1]) * {"m": 60.0, "h": 3600.0}.get((found[2] or "s")[0], 1.0)

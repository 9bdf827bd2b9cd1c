"""Options of what is learned on held-out scores: a calibration, a threshold."""

from collections.abc import Mapping

from halfspaces.cli.open_options import OpenOptions
from halfspaces.estimators.threshold import check_rule
from halfspaces.files import options as table
from halfspaces.penalties import PENALTIES
from halfspaces.support.validation import check_number

LEARNED = ("calibrate", "threshold")


def check_learned(learned: str, options: OpenOptions, noise: Mapping[str, float]) -> None:
    """Raise ValueError unless the other options allow what is learned on held-out scores.

    Parameters
    ----------
    learned : str
        One of `LEARNED`.
    options : OpenOptions
    noise : mapping
        The noise on the features that was given.
    """
    value = getattr(options, learned)
    if value is None:
        return
    given = f"{table.flag(learned)} {value}"
    for name, needed in (table.rule(learned, "only_with") or {}).items():
        other = getattr(options, name)
        if other != needed:
            flag = table.flag(name)
            raise ValueError(
                f"{given} needs {flag} {needed}, got {flag} {other}; leave one of them out."
            )
    if noise:
        flag = table.flag(next(iter(noise)))
        raise ValueError(
            f"{given} is learned by a search for λ, which has no noise; leave out {flag} or "
            f"{table.flag(learned)}."
        )
    if not PENALTIES[options.penalty].has_strength:
        raise ValueError(
            f"{given} needs a penalty with a strength, got --penalty {options.penalty}; use l2."
        )
    if options.strength is not None:
        check_number(f"--strength, with {given},", options.strength, above=0)
    if learned == "threshold":
        check_rule(value, table.flag(learned))

"""The column of a table with the classes of images, found by its name or as the only candidate."""

import re
from collections.abc import Sequence

from halfspaces.datasets import named_arrays
from halfspaces.system.errors import DataError, listed

USUAL = ("label", *named_arrays.LABELS)
# ClassId, class_name, label_id, category; not "classroom".
# Labels of well-known tables; a column of features may be called so, too.
KNOWN = ("outcome", "survived", "purchased", "quality", "diagnosis", "death_event", "usage")
KNOWN += ("emotion", "attrition", "churn", "exited", "loan_status", "income", "result", "type")
OF_A_CLASS = re.compile(r"(class|label|category|breed|species)([ _-]?(id|idx|index|name|label))?")


def is_certain(name: str) -> bool:
    """Whether a column of texts with this name is a label, whatever other columns look like.

    >>> [is_certain(name) for name in ("Species", "diagnosis", "type")]
    [True, True, False]
    """
    small = name.strip().lower()
    return small in (*USUAL, "diagnosis") or OF_A_CLASS.fullmatch(small) is not None


def is_likely(name: str) -> bool:
    """Whether a column has the name of a label, or a name that labels often have.

    >>> [is_likely(name) for name in ("Class_Name", "DEATH_EVENT", "Gender")]
    [True, True, False]
    """
    return name.strip().lower() in KNOWN or is_certain(name)


def choose(
    table: str, names: Sequence[str], asked: str | None = None, likely: Sequence[str] = ()
) -> str:
    """The label among the columns `names`, which hold neither the images nor their names.

    It is the one asked for, the first with a usual name, the only one with a name like ClassId, the
    only column, or the only `likely` one. Raises DataError, which names the option, for none.

    >>> choose("train.csv", ["Width", "ClassId"]), choose("labels.csv", ["breed"])
    ('ClassId', 'breed')
    """
    if asked is not None:
        if asked not in names:
            raise DataError(f"{table} has no column {asked!r} of labels; it has {listed(names)}.")
        return asked
    by_name = {name.strip().lower(): name for name in names}
    usual = [by_name[name] for name in USUAL if name in by_name]
    if usual:
        return usual[0]
    of_a_class = [name for name in names if OF_A_CLASS.fullmatch(name.strip().lower())]
    for candidates in (of_a_class, names, likely):
        if len(candidates) == 1:
            return candidates[0]
    if not names:
        raise DataError(f"{table} has no column beside the images; add their labels.")
    raise DataError(
        f"{table} has the columns {listed(names)} beside the images, and which of them holds the"
        " classes is not clear; name it by --label COLUMN, or label=... in Python."
    )

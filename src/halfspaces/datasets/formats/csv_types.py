"""The type of a column of text: the narrowest that holds all of its values."""

# pyarrow.compute makes its functions when it is imported.
# pyright: reportAttributeAccessIssue=false

from typing import Any

import numpy as np

MISSING = ("", "NA", "N/A", "#N/A", "NaN", "nan", "-nan", "null", "NULL", "None", "?")
MISSING_LABELS = tuple(mark for mark in MISSING if mark != "None")  # a name of a class, too
WHOLE = (np.uint8, np.int16, np.int32, np.int64)
WORD = b"word"  # in the metadata of a field: a value of a column of text that is no number


class ColumnType:
    """The type of one column, found batch by batch.

    It is whole numbers, numbers, truth values or text; null while all values are missing.
    """

    def __init__(self, decimal: str) -> None:
        import pyarrow

        self.decimal = decimal
        self.kind: Any = pyarrow.null()
        self.rows = 0
        self.least = 0
        self.largest = 0
        self.word = ""  # the first value that is no number

    def see_parsed(self, values: Any) -> bool:
        """Widen the type until it holds these values, numbers or texts; False for any others."""
        import pyarrow as arrow
        import pyarrow.types as of

        kind = values.type
        if of.is_string(kind):
            self.see(values)
            return True
        if not (of.is_integer(kind) or of.is_floating(kind) or of.is_null(kind)):
            return False
        self.rows += len(values)
        if self.kind in (arrow.string(), arrow.bool_()):
            self.kind = arrow.string() if not of.is_null(kind) else self.kind
        elif of.is_integer(kind):
            self._widen(values)
            self.kind = arrow.float64() if self.kind == arrow.float64() else kind
        elif of.is_floating(kind):
            self.kind = kind
        return True

    def see(self, texts: Any) -> None:
        """Widen the type until it holds these texts, too."""
        import pyarrow as arrow
        import pyarrow.compute as pc

        self.rows += len(texts)
        if self.kind == arrow.string():
            return
        texts = pc.utf8_trim_whitespace(texts)
        texts = texts.filter(pc.invert(pc.is_in(texts, value_set=arrow.array(MISSING))))
        if not len(texts):
            return
        digits = pc.replace_substring(texts, ",", ".") if self.decimal == "," else texts
        is_new = self.kind == arrow.null()
        if (is_new or self.kind == arrow.int64()) and self._see_whole(digits):
            self.kind = arrow.int64()
        elif self.kind != arrow.bool_() and _cast(digits, arrow.float64()) is not None:
            self.kind = arrow.float64()
        elif (is_new or self.kind == arrow.bool_()) and _cast(texts, arrow.bool_()) is not None:
            self.kind = arrow.bool_()
        else:
            self.word = _first_word(texts, digits)
            self.kind = arrow.string()

    def _see_whole(self, digits: Any) -> bool:
        import pyarrow as arrow

        if not digits[0].as_py().lstrip("+-").isdigit():  # an error of `cast` takes longer
            return False
        whole = _cast(digits, arrow.int64())
        if whole is None:
            return False
        self._widen(whole)
        return True

    def _widen(self, whole: Any) -> None:
        import pyarrow.compute as pc

        ends = pc.min_max(whole).as_py()
        self.least = min(self.least, ends["min"] or 0)
        self.largest = max(self.largest, ends["max"] or 0)

    def field(self, name: str) -> Any:
        """The field of a schema: whole numbers have the narrowest type."""
        import pyarrow as arrow

        if self.kind != arrow.int64():
            return arrow.field(name, self.kind, metadata={WORD: self.word})
        return arrow.field(name, narrowest(self.least, self.largest))


def narrowest(least: int, largest: int) -> Any:
    """The narrowest type of whole numbers that holds both.

    >>> narrowest(0, 255), narrowest(-1, 255)
    (DataType(uint8), DataType(int16))
    """
    import pyarrow

    fits = (np.iinfo(each) for each in WHOLE)
    kind = next(each for each in fits if each.min <= least and largest <= each.max)
    return pyarrow.from_numpy_dtype(kind.dtype)


def _cast(texts: Any, kind: Any) -> Any:
    """The texts as values of this type; None if one is of another type."""
    import pyarrow

    try:
        return texts.cast(kind)
    except pyarrow.ArrowInvalid:
        return None


def _first_word(texts: Any, digits: Any) -> str:
    """The first text that is no number, where others are, or where it has digits; else nothing."""
    import pyarrow.compute as pc

    is_number = pc.match_substring_regex(digits, r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$")
    words = texts.filter(pc.invert(is_number))
    if not len(words):
        return ""
    word = words[0].as_py()
    return word if len(words) < len(texts) or any(map(str.isdigit, word)) else ""

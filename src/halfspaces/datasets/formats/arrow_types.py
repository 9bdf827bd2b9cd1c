"""Types of Arrow columns: lists, the numbers in them, and NumPy's types for these."""

from typing import Any

import numpy as np


def is_list(kind: Any) -> bool:
    """Whether a column of this type holds lists, of a fixed size or not."""
    import pyarrow.types as of

    kind = stored(kind)
    return of.is_list(kind) or of.is_large_list(kind) or of.is_fixed_size_list(kind)


def stored(kind: Any) -> Any:
    """The type in which an extension type is stored; any other type itself."""
    return getattr(kind, "storage_type", kind)


def leaf(kind: Any) -> Any:
    """The type of the values inside lists, perhaps of lists."""
    while is_list(kind):
        kind = stored(kind).value_type
    return stored(kind)


def is_number(kind: Any) -> bool:
    """Whether values of this type are numbers or truth values."""
    import pyarrow.types as of

    tests = (of.is_integer, of.is_floating, of.is_boolean, of.is_decimal)
    return any(test(kind) for test in tests)


def feature_dtype(kind: Any) -> np.dtype:
    """NumPy's type for a column of features; truth values become uint8, decimals float64."""
    import pyarrow.types as of

    inner = leaf(kind)
    if of.is_boolean(inner):
        return np.dtype(np.uint8)
    return np.dtype(np.float64 if of.is_decimal(inner) else inner.to_pandas_dtype())


def decoded(values: Any) -> Any:
    """The values themselves where they are stored as numbers of the entries of a dictionary."""
    import pyarrow.types as of

    return values.dictionary_decode() if of.is_dictionary(values.type) else values


def without_views(kind: Any) -> Any:
    """The type with large strings and bytes instead of views, in dictionaries and structs, too."""
    import pyarrow
    import pyarrow.types as of

    if of.is_string_view(kind):
        return pyarrow.large_string()
    if of.is_binary_view(kind):
        return pyarrow.large_binary()
    if of.is_dictionary(kind):
        values = without_views(kind.value_type)
        return pyarrow.dictionary(kind.index_type, values, kind.ordered)
    if of.is_struct(kind):
        fields = (kind.field(i) for i in range(kind.num_fields))
        return pyarrow.struct([each.with_type(without_views(each.type)) for each in fields])
    return kind


def is_text(kind: Any) -> bool:
    """Whether values of this type are strings, in a dictionary or not."""
    import pyarrow.types as of

    inner = kind.value_type if of.is_dictionary(kind) else kind
    return of.is_string(inner) or of.is_large_string(inner) or of.is_string_view(inner)


def is_plain(kind: Any) -> bool:
    """Whether values of this type are numbers or strings."""
    return is_number(kind) or is_text(kind)


def is_image(kind: Any) -> bool:
    """Whether values of this type are files of images, as Hugging Face's `datasets` stores them."""
    import pyarrow.types as of

    if not of.is_struct(kind):
        return False
    return {"bytes", "path"} <= {kind.field(i).name for i in range(kind.num_fields)}


def is_binary(kind: Any) -> bool:
    """Whether values of this type are bytes."""
    import pyarrow.types as of

    return of.is_binary(kind) or of.is_large_binary(kind) or of.is_binary_view(kind)


def holds_files(kind: Any) -> bool:
    """Whether values of this type may be whole files, such as images."""
    return is_image(stored(kind)) or is_binary(stored(kind))

"""Tables in text, .csv and .tsv: refused, as text does not say which type a column has."""

from pathlib import Path

from halfspaces.datasets.dataset import Dataset
from halfspaces.datasets.formats.format import Format, file_named
from halfspaces.system.errors import DataError


def read(path: Path, label: str | None = None) -> Dataset:
    """Raise DataError with the command that converts the table."""
    target = f"{path.stem}.parquet"
    raise DataError(
        f"{path} is text, which says nothing of its types;"
        f" convert it to Parquet: pandas.read_csv({path.name!r}).to_parquet({target!r})."
    )


FORMAT = Format("csv", file_named(".csv", ".tsv"), read, options=("label",))

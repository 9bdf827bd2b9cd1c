"""Engines: where the rows live and who visits them; threads, Dask and Ray give the same answers."""

from typing import TYPE_CHECKING, Any

from halfspaces.engines.base import Engine, EngineError, Given, Read, Source
from halfspaces.engines.blocks import PartitionedBlocks, blocks_of
from halfspaces.engines.placed import PartitionedRows, is_sparse, place
from halfspaces.engines.threads import Threads

if TYPE_CHECKING:
    from halfspaces.engines.dask import Dask as Dask
    from halfspaces.engines.parquet import open_parquet as open_parquet
    from halfspaces.engines.ray import Ray as Ray

__all__ = [
    "Engine",
    "EngineError",
    "Given",
    "PartitionedBlocks",
    "PartitionedRows",
    "Read",
    "Source",
    "Threads",
    "blocks_of",
    "is_sparse",
    "place",
]


def __getattr__(name: str) -> Any:
    # Dask and Ray are imported by those who use them alone.
    if name == "Dask":
        from halfspaces.engines.dask import Dask

        return Dask
    if name == "open_parquet":
        from halfspaces.engines.parquet import open_parquet

        return open_parquet
    if name == "Ray":
        from halfspaces.engines.ray import Ray

        return Ray
    raise AttributeError(f"module 'halfspaces.engines' has no attribute {name!r}")

"""A CSV file beside the same rows as Parquet: seconds of a training, and memory beside the cache.

`python -m benchmarks csv --gigabytes 5`
"""

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.csv
import pyarrow.parquet

from benchmarks.data import ROOT
from benchmarks.store import Store

COLUMNS = 50
CLASSES = np.array(["deer", "elk", "moose"])
ROWS = 50_000  # written together
MEMORY = "1GB"
STRENGTH = "0.001"  # without a search, which takes longer than any reading
PAUSE = 0.02  # seconds between two looks at a process


def run(store: Store, *, gigabytes: float) -> None:
    """Write both files, train on each in a process of its own, and print and store the figures."""
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
        csv = Path(folder) / "rows.csv"
        parquet = csv.with_suffix(".parquet")
        rows = _write(csv, parquet, gigabytes * 1e9)
        found = {path.suffix[1:]: _train(path) for path in (parquet, csv)}
    ratio = found["csv"]["seconds"] / found["parquet"]["seconds"]
    for name, row in found.items():
        print(f"  {name}: {row['seconds']:.1f} s, {row['memory']:.0f} MB beside the cache")
    print(f"  {gigabytes:g} GB of CSV, {rows:,} rows: {ratio:.2f} times as long", flush=True)
    store.put("csv", f"{gigabytes:g} GB", found | {"rows": rows, "ratio": ratio})


def _write(csv: Path, parquet: Path, size: float) -> int:
    """Write the rows until the CSV file has this size; their number."""
    rows = 0
    with csv.open("wb") as stream:
        writer: Any = None
        for table in _tables():
            options = pyarrow.csv.WriteOptions(include_header=not rows)
            pyarrow.csv.write_csv(table, stream, options)
            writer = writer or pyarrow.parquet.ParquetWriter(parquet, table.schema)
            writer.write_table(table)
            rows += len(table)
            if stream.tell() >= size:
                writer.close()
                return rows
    raise AssertionError


def _tables() -> Iterator[pyarrow.Table]:
    """Decimal numbers, whole numbers and classes, without an end."""
    rng = np.random.default_rng(0)
    W = rng.normal(size=(COLUMNS, len(CLASSES)))
    while True:
        X = rng.normal(size=(ROWS, COLUMNS)).round(4)
        y = np.argmax(X @ W + 3 * rng.gumbel(size=(ROWS, len(CLASSES))), axis=1)
        columns: dict[str, Any] = {f"x{i}": X[:, i] for i in range(COLUMNS)}
        for i in range(0, COLUMNS, 5):
            columns[f"x{i}"] = (100 * X[:, i]).astype(np.int32)
        yield pyarrow.table(columns | {"kind": CLASSES[y]})


def _train(path: Path) -> dict[str, float]:
    """Seconds and the most memory, MB, that belongs to the process and to no file."""
    command = [sys.executable, "-m", "halfspaces", "train", str(path), "--memory", MEMORY]
    start = time.perf_counter()
    memory = 0
    with subprocess.Popen([*command, "--strength", STRENGTH], stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            memory = max(memory, _anonymous(process.pid))
            time.sleep(PAUSE)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed.")
    return {"seconds": time.perf_counter() - start, "memory": memory / 1e6}


def _anonymous(process: int) -> int:
    """Bytes of memory that a process holds beside mapped files."""
    status = Path(f"/proc/{process}/status")
    try:
        found = re.search(r"RssAnon:\s+(\d+)", status.read_text())
    except OSError:
        return 0
    return 1024 * int(found[1]) if found else 0

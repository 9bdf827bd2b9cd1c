"""One peer of `cluster_peers`, run by a Python that has it: cluster_peer.py dask-ml|spark FOLDER.

Reads X.npy, y.npy and strength of the folder; writes a line of JSON and a file of weights for
each setting. Imports nothing of this project, so the peer's environment needs none of it.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

SPARK_ITERATIONS = (20, 40, 50, 60, 70, 80, 100, 120, 160)
DASK_SETTINGS = (
    ("admm", 2),
    ("admm", 5),
    *(("lbfgs", count) for count in (20, 40, 50, 60, 70, 80, 100, 120, 160)),
)
STRICT = {"admm": {"reltol": 1e-9, "abstol": 1e-9}, "lbfgs": {}}  # max_iter alone ends a fit


class Folder:
    """The problem and the results of one peer."""

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        self.X = np.load(path / "X.npy")
        self.y = np.load(path / "y.npy")
        self.strength = float((path / "strength").read_text())

    def write(self, setting: str, seconds: float, W: np.ndarray) -> None:
        file = f"{self.name}-{setting}.npy"
        np.save(self.path / file, W)
        row = {"setting": setting, "seconds": seconds, "weights": file}
        with (self.path / f"{self.name}.jsonl").open("a") as lines:
            lines.write(json.dumps(row) + "\n")


def dask_ml(folder: Folder) -> None:
    """Its objective is the sum of losses + (1/C)‖w‖²/2, so C = 1/(λN).

    Left out: newton and gradient_descent, which drop the penalty.
    """
    import dask.array as da
    from dask_ml.linear_model import LogisticRegression
    from distributed import Client, LocalCluster, wait

    def fit(X, y, solver, max_iter, **solver_kwargs):
        model = LogisticRegression(
            C=1 / (folder.strength * X.shape[0]),
            fit_intercept=False,
            solver=solver,
            max_iter=max_iter,
            tol=1e-12,
            solver_kwargs=solver_kwargs,
        )
        return np.asarray(model.fit(X, y).coef_).reshape(-1, 1)

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        half = -(-len(folder.X) // 2)
        X = client.persist(da.from_array(folder.X, chunks=(half, -1)))
        y = client.persist(da.from_array(folder.y, chunks=half))
        wait([X, y])
        fit(
            da.from_array(folder.X[:200], chunks=(100, -1)),
            da.from_array(folder.y[:200], chunks=100),
            "lbfgs",
            2,
        )
        for solver, max_iter in DASK_SETTINGS:
            begun = time.perf_counter()
            W = fit(X, y, solver, max_iter, **STRICT[solver])
            folder.write(f"{solver} max_iter={max_iter}", time.perf_counter() - begun, W)


def spark_frame(spark, folder: Folder):
    """The rows as vectors, cached in the memory of the JVM."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyspark.ml.functions import array_to_vector
    from pyspark.sql.functions import col

    width = folder.X.shape[1]
    values = pa.FixedSizeListArray.from_arrays(pa.array(folder.X.ravel().astype(np.float64)), width)
    table = pa.table(
        {
            "label": folder.y.astype(np.float64),
            "values": values.cast(pa.list_(pa.float64())),
        }
    )
    pq.write_table(table, folder.path / "rows.parquet", row_group_size=1000)
    frame = spark.read.parquet(str(folder.path / "rows.parquet"))
    frame = frame.select("label", array_to_vector(col("values")).alias("features"))
    frame = frame.repartition(2).cache()
    frame.count()
    return frame


def spark_mllib(folder: Folder) -> None:
    """Its objective is the mean of losses + λ(‖W‖²/2), without standardization."""
    from pyspark.ml.classification import LogisticRegression
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").config("spark.driver.memory", "6g")
    spark = builder.config("spark.ui.enabled", "false").getOrCreate()
    frame = spark_frame(spark, folder)
    binary = folder.y.max() == 1

    def fit(rows, max_iter):
        model = LogisticRegression(
            regParam=folder.strength,
            elasticNetParam=0.0,
            standardization=False,
            fitIntercept=False,
            family="binomial" if binary else "multinomial",
            maxIter=max_iter,
            tol=1e-12,
        ).fit(rows)
        return model.coefficientMatrix.toArray().T

    fit(frame, 40)  # the JVM compiles what runs often
    for max_iter in SPARK_ITERATIONS:
        begun = time.perf_counter()
        W = fit(frame, max_iter)
        folder.write(f"max_iter={max_iter}", time.perf_counter() - begun, W)
    spark.stop()


if __name__ == "__main__":
    peers = {"dask-ml": dask_ml, "spark": spark_mllib}
    peers[sys.argv[1]](Folder(Path(sys.argv[2]), sys.argv[1]))

"""The benchmark of tensors runs without a card: small tensors, every strength certified."""

import pytest

from benchmarks import gpu
from benchmarks.store import Store


@pytest.mark.slow
def test_every_part_runs_on_the_processor(tmp_path):
    pytest.importorskip("torch")
    store = Store(tmp_path / "benchmarks.json")
    gpu.run(store, quick=True)
    rows = store["gpu"]
    assert {"torch beside NumPy", "embeddings on cpu", "digits on cpu"} <= set(rows)
    for name in ("embeddings on cpu", "digits on cpu"):
        assert rows[name]["certified"]
        assert rows[name]["passes"] > 0
        assert rows[name]["torch L-BFGS above our loss"] > -1e-3

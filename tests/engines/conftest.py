"""Clusters of two processes on this machine; tests skip where Dask or Ray is missing."""

import importlib.util
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits


@pytest.fixture(scope="package")
def digits():
    return load_digits(return_X_y=True)


@pytest.fixture
def photos(tmp_path):
    """A folder of twelve images."""
    from PIL import Image

    folder = tmp_path / "images"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(12):
        Image.fromarray(rng.integers(0, 255, (16, 16, 3), np.uint8)).save(folder / f"{i:02}.png")
    return folder


@pytest.fixture(scope="package")
def dask_client():
    pytest.importorskip("distributed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from distributed import Client, LocalCluster

        with (
            LocalCluster(
                n_workers=2, threads_per_worker=1, dashboard_address=None, scheduler_port=0
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client


@pytest.fixture(scope="package")
def ray_engine():
    pytest.importorskip("ray")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from halfspaces.engines import Ray

        with Ray("local", workers=2) as engine:
            yield engine


@pytest.fixture(params=["dask", "ray"])
def engine(request):
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    if request.param == "ray":
        return request.getfixturevalue("ray_engine")
    from halfspaces.engines import Dask

    return Dask(request.getfixturevalue("dask_client"))

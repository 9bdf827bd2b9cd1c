"""`halfspaces train --engine`."""

import pytest

from halfspaces import load


def test_an_engine_changes_no_prediction(run, tmp_path):
    fits = []
    for name, options in (("here", []), ("parts", ["--engine", "threads", "--jobs", "2"])):
        path = tmp_path / f"{name}.safetensors"
        run("train", "digits", "--strength", "0.1", "--budget", "0", "--out", path, *options)
        fits.append(load(path))
    assert fits[1].coef_ == pytest.approx(fits[0].coef_, abs=2e-3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--engine", "spark"], "--engine spark is not known"),
        (["--cluster", "local"], "--cluster belongs to --engine; give --engine dask, too."),
        (["--engine", "dask", "--device", "cpu"], "leave --engine out, or --score and --device."),
    ],
)
def test_what_no_engine_does_is_refused(refused, options, words):
    refused(["train", "digits", *options], words)

"""CIFAR's pickles are read without being run."""

import os
import pickle
import tracemalloc

import numpy as np
import pytest

from tests.data_files import python3
from tests.helpers import refuses


class Malicious:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    ("function", "named"),
    [
        (os.mkdir, "posix.mkdir"),
        (eval, "builtins.eval"),
        (np.load, "numpy.load"),
        (getattr, "getattr"),
    ],
)
def test_pickles_are_never_run(tmp_path, protocol, function, named):
    target = tmp_path / "made"
    argument = f"__import__('os').mkdir({str(target)!r})" if function is eval else str(target)
    content = pickle.dumps({"data": Malicious(function, argument), "labels": [1]}, protocol)
    if protocol < 3:
        named = named.replace("builtins", "__builtin__")
    (tmp_path / "data_batch_1").write_bytes(content)
    refuses(
        tmp_path,
        f"{tmp_path / 'data_batch_1'} wants ",
        f"{named}, which no CIFAR file needs and is never run",
    )
    assert not target.exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is cut or damaged"),
        (b"\x80\x02}", "is cut or damaged"),
        (b"\x80\x02].", "holds no dictionary"),
        (
            b"\x80\x02}q\x00r\xff\xff\xff\x7f.",
            "has no data of shape (N, 3,072)",
        ),  # a memo of 2 billion entries
        (b"\x80\x05\x96" + b"\xff" * 7 + b"\x7f.", "is cut or damaged"),  # 9 exabytes
        (b"\x80\x02}()K\x01u.", "is cut or damaged (it has a key that is no text)"),
        (b"\x80\x02}\x8f.", "wants EMPTY_SET at byte 3"),
        (b"cos\nsystem\n(S'true'\ntR.", "wants os.system"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "wants os.system"),
        (
            b"\x80\x02cnumpy\nndarray\n(J\xff\xff\xff\x7ftR.",
            "is cut or damaged (it has an array that is not of bytes)",
        ),
        (
            python3("data", np.zeros((1, 3072)), 2, labels=[1]),
            "it has an array that is not of bytes",
        ),
        (
            python3("data", np.zeros((1, 3072), np.uint8), 2, labels=[10]),
            "has labels from 10 to 10; CIFAR-10's labels",
        ),
        (
            python3("data", np.zeros((1, 3072), np.uint8), 2, labels=[1, 2]),
            "has no labels, one whole number an image",
        ),
        (
            python3("data", np.zeros((1, 3071), np.uint8), 2, labels=[1]),
            "has no data of shape (N, 3,072)",
        ),
    ],
)
def test_pickles_that_do_not_fit(tmp_path, content, words):
    (tmp_path / "data_batch_1").write_bytes(content)
    tracemalloc.start()
    refuses(tmp_path, "data_batch_1", words)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e7

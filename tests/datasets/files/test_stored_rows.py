"""Rows of features that are stored are checked and made again."""

import pytest

from halfspaces.datasets.files import decoded_cache

pytestmark = pytest.mark.usefixtures("cache")


def test_a_damaged_set_of_rows_is_made_again(tmp_path):
    made = []

    def fill(out):
        made.append(1)
        out[:] = 7

    for _ in range(2):
        assert decoded_cache.rows("0" * 32, (3, 4), "source", fill).tolist() == [[7.0] * 4] * 3
    assert made == [1]
    path = decoded_cache.folder() / f"{'0' * 32}.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert decoded_cache.rows("0" * 32, (3, 4), "source", fill).tolist() == [[7.0] * 4] * 3
    assert made == [1, 1]
    with pytest.raises(KeyboardInterrupt):
        decoded_cache.rows(
            "1" * 32, (3, 4), "source", lambda out: (_ for _ in ()).throw(KeyboardInterrupt)
        )
    assert len(list(decoded_cache.folder().iterdir())) == 2

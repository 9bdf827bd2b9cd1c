"""The tests, in the folders of the rooms that they test; those of several rooms lie here."""

import pytest

pytest.register_assert_rewrite("tests.helpers")

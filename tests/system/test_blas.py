"""BLAS has one thread during a fit, whatever other threads do."""

import threading
import warnings

import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from halfspaces import LinearClassifier, LinearClassifierCV
from halfspaces.proofs.separation import SeparationWarning
from halfspaces.system import blas
from halfspaces.system.blas import one_blas_thread
from tests.soundness.threads import different, some


def blas_threads():
    """Of NumPy's and SciPy's BLAS: other packages may have loaded one of their own."""
    return {library.num_threads for library in blas._libraries()}


def in_a_thread(function):
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


@pytest.mark.slow
def test_concurrent_fits_have_the_bits_of_serial_ones():
    assert not list(different(some(12)))


def test_the_last_user_restores_the_threads_of_blas():
    first = one_blas_thread()
    with threadpool_limits(2):  # its thread controls BLAS, for threadpoolctl
        in_a_thread(first.__enter__)
        assert blas_threads() == {1}
        with one_blas_thread():
            in_a_thread(lambda: first.__exit__(None, None, None))
            assert blas_threads() == {1}
        assert blas_threads() == {2}


@pytest.mark.parametrize(
    ("classifier", "category"),
    [
        (LinearClassifier(max_passes=1), ConvergenceWarning),
        (LinearClassifierCV(strengths=[1e-3], cv=2, max_passes=1), ConvergenceWarning),
        (LinearClassifier(strength=1e-12), SeparationWarning),
    ],
    ids=str,
)
def test_a_warning_of_a_fit_names_the_line_of_its_caller(classifier, category):
    X, y = load_iris(return_X_y=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", category)
        classifier.fit(X[:100], y[:100])
    assert [each.filename for each in caught if each.category is category] == [__file__]

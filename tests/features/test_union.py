"""Several features side by side."""

import numpy as np
from sklearn.pipeline import make_pipeline

from halfspaces import LinearClassifier
from halfspaces.features import HOG, HueHistogram, Mixture
from halfspaces.testing.tolerance import rounding


def test_a_mixture_standardizes_and_a_classifier_takes_it(photos):
    mixture = Mixture([HOG(), HueHistogram()])
    rows = mixture.fit_transform(photos)
    close = rounding(len(rows), np.float32)
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=close)
    np.testing.assert_allclose(rows.std(axis=0)[rows.std(axis=0) > 0], 1, rtol=1e-4)
    names = mixture.get_feature_names_out()
    assert (names[0], names[-1]) == ("0_hog0", "1_hue9")
    model = make_pipeline(mixture, LinearClassifier()).fit(photos, np.arange(40) < 20)
    assert model.score(photos, np.arange(40) < 20) == 1

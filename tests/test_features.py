"""Features: every law, what can be worked out by hand, and parity with OpenCV and scikit-image."""

import colorsys

import numpy as np
import pytest
from sklearn.datasets import load_sample_images
from sklearn.pipeline import make_pipeline

from halfspaces import LinearClassifier, load, save
from halfspaces.features import HOG, LBP, ColorHistogram, DenseSIFT, HueHistogram, Mixture, Pixels, parse
from halfspaces.features.lbp import bins_of_patterns
from halfspaces.model_file import ModelFileError
from halfspaces.testing import check_feature
from halfspaces.testing.tolerance import rounding

FEATURES = [
    Pixels(),
    HueHistogram(),
    HueHistogram(bins=7, cell=8, weighted=False),
    ColorHistogram(),
    ColorHistogram("hsv", bins=3, cell=16),
    HOG(),
    HOG(cell=5, block=3, orientations=8, signed=True, soft=False),
    HOG(block=None),
    LBP(),
    LBP("rotation_invariant", cell=None),
    DenseSIFT(),
    DenseSIFT(step=3, cell=3, root=True, sigma=1.6),
    Mixture([HOG(), HueHistogram(), Pixels()]),
]


@pytest.fixture(scope="module")
def photos():
    """Pieces of photographs, (N, 48, 40, 3)."""
    china, flower = load_sample_images().images
    corners = np.random.default_rng(0).integers(0, 370, (20, 2))
    return np.stack([photo[y : y + 48, x : x + 40] for photo in (china, flower) for y, x in corners])


@pytest.mark.parametrize("feature", FEATURES, ids=str)
def test_laws(feature):
    check_feature(feature)


# --- by hand -----------------------------------------------------------------------------------------------------


def ramp(degrees, side=16, slope=4.0):
    """Grey levels that rise towards a direction, as floats, (1, side, side)."""
    angle = np.deg2rad(degrees)
    y, x = np.mgrid[0:side, 0:side] - (side - 1) / 2
    return ((128 + slope * (x * np.cos(angle) + y * np.sin(angle))) / 255)[None]


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("signed", [False, True])
def test_ramps_in_all_directions_have_the_same_mass_of_hog(soft, signed):
    hog = HOG(cell=4, block=None, soft=soft, signed=signed, orientations=8)
    cells = np.stack([hog.transform(ramp(degrees)).reshape(4, 4, 8) for degrees in range(0, 360, 45)])
    inner = cells[:, 1:3, 1:3].sum(axis=(1, 2))
    np.testing.assert_allclose(inner.sum(axis=1), 4 * 8.0, rtol=1e-4)  # two pixels apart: twice the slope
    if soft:  # on the border of two bins, half in each
        for turn, found in enumerate(inner):
            np.testing.assert_allclose(found, np.roll(inner[0], turn if signed else 2 * turn), atol=1e-3)


def test_hog_flips_turns_and_moves_with_the_image(photos):
    square = photos[:, :32, :32]
    hog = HOG(block=None, orientations=8)

    def cells(images):
        return hog.transform(images).reshape(len(images), 4, 4, 8)

    still = cells(square)
    close = {"rtol": 1e-3, "atol": 1e-3}
    np.testing.assert_allclose(cells(square[:, :, ::-1]), still[:, :, ::-1, ::-1], **close)
    turned = np.rot90(still, axes=(1, 2))
    np.testing.assert_allclose(cells(np.rot90(square, axes=(1, 2))), np.roll(turned, 4, axis=3), **close)
    np.testing.assert_allclose(cells(photos[:, 8:40, :32])[:, 1], still[:, 2], **close)  # not at the edges


def test_hue_is_that_of_colorsys(photos):
    images = photos[:4, :6, :7]
    expected = np.zeros((4, 12))
    for image, bins in zip(images, expected, strict=True):
        for pixel in image.reshape(-1, 3) / 255:
            hue, saturation, _ = colorsys.rgb_to_hsv(*pixel)
            bins[int(hue * 12 + 1e-6) % 12] += saturation / 42
    np.testing.assert_allclose(HueHistogram(bins=12).transform(images), expected, atol=rounding(6 * 7, np.float32))


def test_colour_histograms_are_those_of_numpy(photos):
    expected = [np.histogramdd(image.reshape(-1, 3), bins=4, range=[(0, 256)] * 3)[0].ravel() for image in photos]
    # One share added 1,920 times rounds to the same side each time: by 1,920 halves of the last digit at most.
    close = 48 * 40 * np.finfo(np.float32).eps / 2
    np.testing.assert_allclose(ColorHistogram().transform(photos), np.array(expected) / (48 * 40), rtol=close)


# --- parity ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", [8, 5])
@pytest.mark.parametrize("block", [1, 2, 3])
def test_hard_hog_is_that_of_scikit_image(photos, cell, block):
    skimage = pytest.importorskip("skimage.feature")
    options = {"pixels_per_cell": (cell, cell), "cells_per_block": (block, block), "channel_axis": -1}
    expected = [skimage.hog(image.astype(float), **options) for image in photos]
    found = HOG(cell, block, soft=False, floor=1e-5).transform(photos)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("signed", [False, True])
def test_soft_hog_is_that_of_opencv_in_one_block(photos, signed):
    cv2 = pytest.importorskip("cv2")
    if not hasattr(cv2, "HOGDescriptor"):
        pytest.skip("OpenCV 5 keeps HOG among its contributions")
    photos = np.ascontiguousarray(photos[:, :32, :32])
    sizes = (32, 32), (32, 32), (8, 8), (8, 8), 9
    opencv = cv2.HOGDescriptor(*sizes, 1, 1e4, 0, 10.0, False, 64, signed)  # no window to speak of, no clipping
    expected = np.stack([opencv.compute(image).reshape(4, 4, 9) for image in photos]).swapaxes(1, 2).reshape(-1, 144)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    found = HOG(8, 4, signed=signed, clip=10.0, floor=1e-5).transform(photos)
    assert np.abs(found - expected).max() < 5e-3  # its arc tangents are off by up to 0.3 degrees


@pytest.mark.parametrize(("cell", "sigma"), [(2, 0.5), (2, 1.6), (4, 1.0)])
def test_sift_is_that_of_opencv(photos, cell, sigma):
    cv2 = pytest.importorskip("cv2")
    grey = np.ascontiguousarray(photos[..., 1])
    feature = DenseSIFT(cell=cell, sigma=sigma, floor=1e-6)
    rows, columns = feature.points(48, 40)
    points = [cv2.KeyPoint(float(x), float(y), 2 / 3 * cell, 0.0) for y in rows for x in columns]
    opencv = cv2.SIFT_create(sigma=sigma)
    expected = np.stack([opencv.compute(image, points)[1] for image in grey]) / 512
    found = feature.local(grey)
    told = (expected.max(axis=2) < 255 / 512) & (np.linalg.norm(expected, axis=2) > 0.9)  # bytes; flat patches
    assert told.mean() > 0.5
    difference = 512 * np.abs(found - expected)[told]
    assert difference.mean() < 0.6
    assert np.quantile(difference, 0.999) < 4


@pytest.mark.filterwarnings("ignore:Applying `local_binary_pattern` to floating-point images")
@pytest.mark.parametrize(
    ("patterns", "method"), [("all", "default"), ("uniform", "nri_uniform"), ("rotation_invariant", "uniform")]
)
def test_lbp_is_that_of_scikit_image(patterns, method):
    skimage = pytest.importorskip("skimage.feature")
    count = int(bins_of_patterns(patterns).max()) + 1
    images = np.random.default_rng(0).random((8, 24, 32))  # no neighbours are equal
    inner = [1, 2, 4, 5, 6, 7, 9, 10]  # cells: beyond a corner, pixels are equal but for rounding
    expected = []
    for image in images:
        codes = skimage.local_binary_pattern(255 * np.pad(image, 1, mode="edge"), 8, 1, method)[1:-1, 1:-1]
        cells = codes.astype(int).reshape(3, 8, 4, 8).swapaxes(1, 2).reshape(12, 64)
        expected += [np.bincount(cell, minlength=count) for cell in cells[inner]]
    found = 64 * LBP(patterns).transform(images).reshape(8, 12, count)[:, inner].reshape(-1, count)
    found = np.rint(found).astype(int)
    if patterns == "uniform":  # in an order of its own
        assert sorted(found.T.tolist()) == sorted(np.transpose(expected).tolist())
    else:
        assert found.tolist() == np.array(expected).tolist()


# --- in words ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    ["pixels", "hog(cell=4, signed=True)+hue+pixels", "colors(space='hsv', bins=3)", "hog(block=None)", "lbp('all')"],
)
def test_words_are_read_and_written(words):
    assert str(parse(words)) == words.replace("('all')", "(patterns='all')")
    assert str(parse(words.replace("+", " +  "))) == str(parse(words))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("hogg", "feature='hogg' is not known: did you mean 'hog'"),
        ("hog(cel=4)", r"hog\(cel=\.\.\.\) is not known: did you mean 'cell'"),
        ("hog(cell=4, cell=8)", "cannot be read|given twice"),
        ("hog(4, cell=8)", "given twice"),
        ("hog(1, 2, 3, 4, 5, 6, 7, 8, 9)", "takes at most 8 options, got 9"),
        ("hog(cell=open('x'))", "feature='open' is not known"),
        ("hog(cell=[1 for x in y])", "cannot be read"),
        ("().__class__", "cannot be read"),
        ("hog(**{'cell': 4})", "cannot be read"),
        ("hog+", "cannot be read"),
        ("", "cannot be read"),
        ("hue-hog", "cannot be read"),
        ("(" * 9000, "cannot be read"),
        ("h" * 20000, "at most 10,000 characters"),
    ],
)
def test_words_that_name_nothing_are_refused_in_a_sentence(words, told):
    with pytest.raises(ValueError, match=told) as caught:
        parse(words)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("hog(cell=40)", "images of 48 x 40 pixels are smaller than a block of 2 x 2 cells of 40 x 40; give a smaller"),
        ("hog(cell=41)", "HOG: images of 48 x 40 pixels are smaller than a cell of 41 x 41; give a smaller cell"),
        ("hog(cell=0)", r"HOG\(cell=...\) must be at least 1, got 0"),
        ("hog(floor=0)", r"HOG\(floor=...\) must be above 0, got 0"),
        ("hue(bins=0)", r"HueHistogram\(bins=...\) must be at least 1, got 0"),
        ("colors('lab')", r"ColorHistogram\(space=...\)='lab' is not known: choose one of 'rgb', 'hsv'"),
        ("lbp('uniforn')", r"LBP\(patterns=...\)='uniforn' is not known: did you mean 'uniform'"),
        ("sift(cell=11)", "DenseSIFT: images of 48 x 40 pixels are smaller than 4 x 4 cells of 11 pixels"),
        ("hue+sift(step=0)", r"DenseSIFT\(step=...\) must be at least 1, got 0"),
    ],
)
def test_parameters_out_of_range_are_refused_in_a_sentence(photos, words, told):
    with pytest.raises(ValueError, match=told) as caught:
        parse(words).fit(photos)
    assert "\n" not in str(caught.value)


# --- large and shared --------------------------------------------------------------------------------------------


def test_rows_come_from_and_go_to_memory_maps(photos, tmp_path):
    np.save(tmp_path / "images.npy", photos)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    feature = parse("hog+hue").fit(mapped)
    out = np.lib.format.open_memmap(tmp_path / "rows.npy", "w+", np.float32, feature.transform(photos).shape)
    assert feature.transform(mapped, out=out) is out
    np.testing.assert_array_equal(out, feature.transform(photos))
    with pytest.raises(ValueError, match=r"out must have shape \(40, 730\), got \(40, 729\)."):
        feature.transform(photos, out=out[:, 1:])


def test_a_mixture_standardizes_and_a_classifier_takes_it(photos):
    mixture = Mixture([HOG(), HueHistogram()])
    rows = mixture.fit_transform(photos)
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=rounding(len(rows), np.float32))
    np.testing.assert_allclose(rows.std(axis=0)[rows.std(axis=0) > 0], 1, rtol=1e-4)
    names = mixture.get_feature_names_out()
    assert (names[0], names[-1]) == ("0_hog0", "1_hue9")
    model = make_pipeline(mixture, LinearClassifier()).fit(photos, np.arange(40) < 20)
    assert model.score(photos, np.arange(40) < 20) == 1


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((32, 32, 3), r"give one image as image\[None\]"),
        ((5, 32, 32, 4), r"leave the alpha channel out, images\[\.\.\., :3\]"),
        ((5, 3, 32, 32), "move the axis of the colours to the end"),
        ((5, 3072), "reshape rows of pixels"),
    ],
)
def test_what_other_shapes_are_told(shape, words):
    with pytest.raises(ValueError, match=words):
        parse("pixels").fit(np.zeros(shape, np.uint8))


def test_a_word_without_quotes_and_a_string_among_numbers():
    with pytest.raises(
        ValueError, match=r"hog\(cell=\.\.\.\) must be a number, a word in quotes or a feature, got four"
    ):
        parse("hog(cell=four)")
    with pytest.raises(TypeError, match=r"Patches\(threshold=\.\.\.\) must be a number, got '0\.1'"):
        parse("patches(n=2, threshold='0.1')").fit(np.zeros((3, 8, 8, 3), np.uint8))


def test_models_with_features_say_what_they_are_given(tmp_path, photos):
    images, y = photos[:20], np.arange(20) % 2
    pipeline = make_pipeline(HueHistogram(), LinearClassifier(strength=0.1)).fit(images, y)
    with pytest.raises(ModelFileError, match="got a Pipeline; of a pipeline give its last step, and its first as feat"):
        save(pipeline, tmp_path / "model")
    save(pipeline[-1], tmp_path / "model", features=pipeline[0])
    with pytest.raises(ValueError, match=r"the model takes rows of hue; give features_\.transform\(images\)"):
        load(tmp_path / "model").predict(images)

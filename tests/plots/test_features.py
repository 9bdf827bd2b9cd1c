"""Pictures of visual words: each says what its descriptor says;
maps, sheets and what has no picture.
"""

import numpy as np
import pytest

from halfspaces.features import BagOfWords, DenseSIFT, FilterBank, RawPatches, SelfSimilarity, parse
from halfspaces.plots.features import plot_features
from halfspaces.plots.glyphs import glyphs
from halfspaces.plots.vocabulary import plot_vocabulary
from halfspaces.plots.words import nearest_words

Y, X = np.mgrid[:33, :33]


@pytest.mark.parametrize("root", [False, True])
@pytest.mark.parametrize(
    ("rising", "row", "column"), [(X, 6, 11), (-X, 6, 1), (Y, 11, 6), (-Y, 1, 6)]
)
def test_a_ray_points_to_where_sift_sees_it_become_brighter(rising, row, column, root):
    image = (128 + 3 * rising - 3 * rising.mean()).astype(np.uint8)
    sift = DenseSIFT(cell=2, step=8, root=root)
    (picture,) = glyphs(sift, sift.local(image[None])[0, :1])
    cell = picture[13:26, 13:26]
    assert cell[row, column] > 0.5
    assert cell[12 - row, 12 - column] < 0.1
    assert (picture.min(), picture.max()) == (0, pytest.approx(1, abs=0.2))


def test_raw_patches_are_themselves():
    images = np.random.default_rng(0).integers(0, 256, (1, 12, 12, 3), np.uint8)
    raw = RawPatches(size=5, step=7)
    patch = images[0, :5, :5].astype(float)
    expected = (patch - patch.min()) / (patch.max() - patch.min())
    np.testing.assert_allclose(glyphs(raw, raw.local(images)[0])[0], expected, atol=1e-6)


@pytest.mark.parametrize("strongest", [False, True])
def test_a_bar_and_an_edge_are_seen_in_what_filters_say_of_them(strongest):
    bank = FilterBank(step=16, strongest=strongest)
    for lines, columns in ((X == 16, (8, 4)), (X > 16, (9, 5))):  # brighter here than there
        said = bank.local((60 + 100 * lines).astype(np.uint8)[None])[0].reshape(3, 3, -1)[1, 1]
        (picture,) = glyphs(bank, said[None])
        side = picture.shape[0]
        middle = picture[side // 2 - 1 : side // 2 + 2].mean(axis=0)
        bright, dark = (middle[side // 2 + at - 8] for at in columns)
        assert bright > dark + 0.2 or strongest  # upright, but an edge may be turned half way
    assert np.ptp(picture, axis=0).mean() < np.ptp(picture, axis=1).mean()


def test_what_is_like_the_middle_of_a_bar_lies_along_it():
    feature = SelfSimilarity(step=16)
    image = (60 + 100 * (abs(X - 6) < 2)).astype(np.uint8)  # the first point is (6, 6)
    (picture,) = glyphs(feature, feature.local(image[None])[0, :1])
    assert picture.shape == (11, 11)
    assert picture[:, 5].min() > 0.9
    assert picture[5, [0, 1, 9, 10]].max() < 0.1


def test_what_has_no_picture_is_said():
    class Own(RawPatches):
        pass

    with pytest.raises(ValueError, match="There is no picture of the words of Own"):
        glyphs(Own(), np.zeros((1, 108)))


def test_words_are_drawn_as_a_map_and_a_sheet():
    image = np.zeros((40, 40, 3), np.uint8)
    image[:, 20:] = np.random.default_rng(0).integers(0, 256, (40, 20, 3))
    bag = BagOfWords(RawPatches(size=4, step=4), n=6)
    bag.fit(image[None])
    nearest = nearest_words(bag, image)
    assert nearest.shape == (10, 10)
    distances = np.linalg.norm(bag.of_.local(image[None])[0][:, None] - bag.words_, axis=2)
    np.testing.assert_array_equal(nearest.ravel(), distances.argmin(axis=1))
    titles = [
        axes.get_title()
        for axes in plot_features(parse("words(of=raw, n=6)+textons(n=5)"), image).axes
    ]
    assert titles == [
        *("40 x 40 pixels", "words(of=raw, n=6)", "its 6 most frequent words of 6"),
        *("textons(n=5)", "its 5 most frequent words of 5"),
    ]
    titles = [axes.get_title() for axes in plot_vocabulary(bag, "model").axes]
    assert titles == ["6 of the 6 words of words(of=raw(size=4, step=4), n=6)"]
    with pytest.raises(ValueError, match=r"n=256 is larger than the \d+ different descriptors"):
        plot_features(parse("words"), image[:16, :16])


# --- pictures of whole descriptors ----------------------------------------------------------------


def test_every_descriptor_of_gradients_has_a_picture_with_its_title():
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    words = "hog+sift+gist+hue+hue(cell=8)+colors+lbp+pixels"
    figure = plot_features(parse(words), image)
    assert [axes.get_title() for axes in figure.axes] == ["32 x 32 pixels", *words.split("+")]
    assert figure._repr_png_().startswith(b"\x89PNG")  # what a notebook shows


@pytest.mark.parametrize(("stripes", "upright"), [(X % 8 < 4, True), (Y % 8 < 4, False)])
def test_gist_draws_the_lines_along_the_edges(stripes, upright):
    image = np.where(stripes[:32, :32], 200, 50).astype(np.uint8)
    (_, axes) = plot_features(parse("gist(grid=1)"), image).axes
    lines = axes.collections[0]
    x, y = np.ptp(lines.get_segments()[-1], axis=0)  # the brightest
    assert (y > 5 * x) == upright
    assert (x > 5 * y) != upright


def test_no_title_touches_its_picture():
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    figure = plot_features(parse("hog+hue+colors"), image)
    figure.draw_without_rendering()
    for axes in figure.axes:
        below = axes.title.get_window_extent().y0 - axes.get_window_extent().y1
        assert below >= 5
        assert axes.title.get_window_extent().y1 <= figure.bbox.y1

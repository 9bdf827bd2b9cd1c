"""Features as words: they are read and written, and what names nothing is refused in a sentence."""

import numpy as np
import pytest

from halfspaces.features import parse


@pytest.mark.parametrize(
    "words",
    [
        "pixels",
        "hog(cell=4, signed=True)+hue+pixels",
        "colors(space='hsv', bins=3)",
        "hog(block=None)",
        "lbp('all')",
    ],
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
        (
            "hog(cell=40)",
            "images of 48 x 40 pixels are smaller than a block of 2 x 2 cells of 40 x 40; "
            "give a smaller",
        ),
        (
            "hog(cell=41)",
            "HOG: images of 48 x 40 pixels are smaller than a cell of 41 x 41; give a smaller cell",
        ),
        ("hog(cell=0)", r"HOG\(cell=...\) must be at least 1, got 0"),
        ("hog(floor=0)", r"HOG\(floor=...\) must be above 0, got 0"),
        ("hue(bins=0)", r"HueHistogram\(bins=...\) must be at least 1, got 0"),
        (
            "colors('lab')",
            r"ColorHistogram\(space=...\)='lab' is not known: choose one of 'rgb', 'hsv'",
        ),
        ("lbp('uniforn')", r"LBP\(patterns=...\)='uniforn' is not known: did you mean 'uniform'"),
        (
            "sift(cell=11)",
            "DenseSIFT: images of 48 x 40 pixels are smaller than 4 x 4 cells of 11 pixels",
        ),
        ("hue+sift(step=0)", r"DenseSIFT\(step=...\) must be at least 1, got 0"),
    ],
)
def test_parameters_out_of_range_are_refused_in_a_sentence(photos, words, told):
    with pytest.raises(ValueError, match=told) as caught:
        parse(words).fit(photos)
    assert "\n" not in str(caught.value)


# --- large and shared -----------------------------------------------------------------------------


def test_a_word_without_quotes_and_a_string_among_numbers():
    with pytest.raises(
        ValueError,
        match=r"hog\(cell=\.\.\.\) must be a number, a word in quotes or a feature, got four",
    ):
        parse("hog(cell=four)")
    with pytest.raises(
        TypeError, match=r"Patches\(threshold=\.\.\.\) must be a number, got '0\.1'"
    ):
        parse("patches(n=2, threshold='0.1')").fit(np.zeros((3, 8, 8, 3), np.uint8))

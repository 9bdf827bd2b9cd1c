"""Seconds of image features beside the libraries that have them:
`python -m benchmarks.features [--turns 5]`.

`sizes` among the words asks for dense SIFT beside OpenCV's at the same 49 points, for cells of
several sizes. Turns alternate, the best counts, of the clock on the wall and of the processors'
time. Libraries take one image a call; their loops run over a part of the images, and their seconds
are those times the parts. OpenCV is left to its own threads; scikit-image has one.
"""

import argparse
import importlib.util
import os
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks.data import FOLDER
from halfspaces.features import DenseSIFT, Feature, parse

Array = np.ndarray
Loop = Callable[[Array], object]


CELLS = (2, 3, 4, 6, 8, 10, 11, 12, 15, 24)


class _Points(DenseSIFT):
    """The same 49 points of 32 × 32 pixels for any cell:
    those of large ones reach beyond the image, as OpenCV's do.
    """

    def points(self, height: int, width: int) -> tuple[Array, Array]:
        return np.arange(4, height - 3, 4), np.arange(4, width - 3, 4)

    def _check(self, height: int, width: int) -> None:
        """Nothing is too small."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.features", description=__doc__)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--part", type=int, default=20, help="libraries see one image of so many")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("words", nargs="*", help="features to time; all without any")
    options = parser.parse_args()
    images = _images(options.images)
    shape = " x ".join(map(str, images.shape[1:]))
    cores = len(os.sched_getaffinity(0))
    print(f"{len(images):,} images of {shape}, {cores} cores")
    head = (
        "feature",
        "columns",
        "seconds",
        "processor s",
        "library",
        "seconds",
        "processor s",
        "times as fast",
    )
    print(f"| {' | '.join(head)} | by processor s |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for words, (library, loop) in _pairs().items():
        if not options.words or words in options.words:
            print(
                _row(words, parse(words), library, loop, images, options.part, options.turns),
                flush=True,
            )
    if (options.words and "sizes" not in options.words) or importlib.util.find_spec("cv2") is None:
        return
    for cell in CELLS:
        feature, loop = _Points(cell=cell, sigma=1.6), partial(_opencv_sift, size=2 / 3 * cell)
        name = f"OpenCV, size {2 / 3 * cell:.2f}"
        print(
            _row(f"cells of {cell}", feature, name, loop, images, options.part, options.turns),
            flush=True,
        )


def _images(count: int) -> Array:
    from halfspaces import datasets

    if (FOLDER / "cifar-10-batches-bin").exists():
        data = datasets.open(str(FOLDER / "cifar-10-batches-bin"))
        return data.images(np.asarray(data.X[:count]))
    print(f"{FOLDER} has no CIFAR-10: random pixels instead")
    return np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), np.uint8)


def _pairs() -> dict[str, tuple[str, Loop | None]]:
    """Words, and who else does nearly the same."""
    pairs: dict[str, tuple[str, Loop | None]] = {
        "pixels": ("", None),
        "hue": ("scikit-image", _skimage_hue),
        "colors": ("OpenCV", _opencv_colors),
        "hog": ("OpenCV", _opencv_hog),
        "hog(soft=False)": ("scikit-image", _skimage_hog),
        "lbp": ("scikit-image", _skimage_lbp),
        "sift(sigma=1.6)": ("OpenCV", _opencv_sift),
        **dict.fromkeys(("gist", "ssim", "filters", "textons", "words"), ("", None)),
    }
    modules = {"scikit-image": "skimage", "OpenCV": "cv2", "": "numpy"}
    there = {name: importlib.util.find_spec(module) is not None for name, module in modules.items()}
    if there["OpenCV"]:
        import cv2

        if not hasattr(cv2, "HOGDescriptor"):
            pairs["hog"] = ("OpenCV 5 has no HOG", None)
    return {
        words: (name, loop if there.get(name) else None) for words, (name, loop) in pairs.items()
    }


def _row(
    words: str,
    feature: Feature,
    library: str,
    loop: Loop | None,
    images: Array,
    part: int,
    turns: int,
) -> str:
    feature.fit(images[:1000])
    feature.transform(images[:1000])  # compiles
    some = np.ascontiguousarray(images[::part])
    times = np.full((turns, 4), np.inf)
    columns = 0
    for turn in times:
        start = _clocks()
        columns = feature.transform(images).shape[1]
        turn[:2] = _clocks() - start
        if loop is not None:
            start = _clocks()
            loop(some)
            turn[2:] = (_clocks() - start) * len(images) / len(some)
    ours, our_work, theirs, their_work = times.min(axis=0)
    told = (
        f"{theirs:.3g} | {their_work:.3g} | {theirs / ours:.1f} | {their_work / our_work:.1f}"
        if loop is not None
        else "| | | "
    )
    return f"| `{words}` | {columns:,} | {ours:.3g} | {our_work:.3g} | {library} | {told} |"


def _clocks() -> Array:
    """Of the wall, and of all processors together."""
    return np.array([time.perf_counter(), time.process_time()])


def _opencv_hog(images: Array) -> object:
    import cv2

    hog = cv2.HOGDescriptor((32, 32), (16, 16), (8, 8), (8, 8), 9)
    return [hog.compute(image) for image in images]


def _skimage_hog(images: Array) -> object:
    from skimage.feature import hog

    return [
        hog(image, pixels_per_cell=(8, 8), cells_per_block=(2, 2), channel_axis=-1)
        for image in images
    ]


def _skimage_hue(images: Array) -> object:
    from skimage.color import rgb2hsv

    found = []
    for image in images:
        hue, saturation, _ = rgb2hsv(image).reshape(-1, 3).T
        found.append(np.histogram(hue, 10, (0, 1), weights=saturation)[0])
    return found


def _opencv_colors(images: Array) -> object:
    import cv2

    return [cv2.calcHist([image], [0, 1, 2], None, [4, 4, 4], [0, 256] * 3) for image in images]


def _skimage_lbp(images: Array) -> object:
    import cv2
    from skimage.feature import local_binary_pattern

    return [
        local_binary_pattern(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), 8, 1, "nri_uniform")
        for image in images
    ]


def _opencv_sift(images: Array, size: float = 4 / 3) -> object:
    import cv2

    sift = cv2.SIFT_create()
    points = [
        cv2.KeyPoint(float(x), float(y), size, 0.0)
        for y in range(4, 29, 4)
        for x in range(4, 29, 4)
    ]
    return [sift.compute(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), points)[1] for image in images]


if __name__ == "__main__":
    main()

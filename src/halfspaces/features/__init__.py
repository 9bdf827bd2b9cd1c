"""Image features: f is computed from a description of the image instead of its pixels.

A feature is a scikit-learn transformer from images (N, H, W, 3) or (N, H, W), uint8 or floats in
[0, 1], to a float32 matrix (N, D). A word names it on the command line and in expressions:

| word | class |
| --- | --- |
| `pixels` | `Pixels` |
| `hue` | `HueHistogram` |
| `colors` | `ColorHistogram` |
| `hog` | `HOG` |
| `lbp` | `LBP` |
| `sift` | `DenseSIFT` |
| `patches` | `Patches` |
| `raw` | `RawPatches` |
| `words` | `BagOfWords` |
| `ssim` | `SelfSimilarity` |
| `gist` | `GIST` |
| `filters` | `FilterBank` |
| `textons` | `Textons` |
| `encoder` | `Encoder` |

A feature of your own, a subclass of `Feature` with a `word`, is registered by
`FEATURES[MyFeature.word] = MyFeature`.

>>> import numpy as np
>>> feature = parse("hue(bins=6)+pixels")
>>> print(feature)
hue(bins=6)+pixels
>>> feature.fit_transform(np.zeros((5, 8, 8, 3), np.uint8)).shape
(5, 198)
"""

from halfspaces.features.augmentation import Augmentation
from halfspaces.features.bag import BagOfWords
from halfspaces.features.base import Feature, LocalFeature
from halfspaces.features.color import ColorHistogram, HueHistogram
from halfspaces.features.encoder import Encoder
from halfspaces.features.expressions import FEATURES, parse
from halfspaces.features.gist import GIST
from halfspaces.features.hog import HOG
from halfspaces.features.lazy_rows import Described
from halfspaces.features.lbp import LBP
from halfspaces.features.patches import Patches
from halfspaces.features.pixels import Pixels
from halfspaces.features.raw_patches import RawPatches
from halfspaces.features.sift import DenseSIFT
from halfspaces.features.similarity import SelfSimilarity
from halfspaces.features.textons import FilterBank, Textons
from halfspaces.features.union import Mixture

__all__ = [
    "FEATURES",
    "GIST",
    "HOG",
    "LBP",
    "Augmentation",
    "BagOfWords",
    "ColorHistogram",
    "DenseSIFT",
    "Described",
    "Encoder",
    "Feature",
    "FilterBank",
    "HueHistogram",
    "LocalFeature",
    "Mixture",
    "Patches",
    "Pixels",
    "RawPatches",
    "SelfSimilarity",
    "Textons",
    "parse",
]

"""Mutated model files: all that may come of one is a classifier that predicts, or a ModelFileError
of one line.

`python -m tests.fuzz.model_file 20000` tries so many; the tests a few hundred.
"""

import json
import random
import re
import struct
import sys
import tempfile
import tracemalloc
import warnings
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from safetensors.numpy import load, save

import halfspaces
from halfspaces import LinearClassifier, NetworkClassifier
from halfspaces.estimators.calibration import Sigmoid
from halfspaces.features import FEATURES, Mixture, parse
from halfspaces.files import safetensors_file
from halfspaces.files.models import features_of
from halfspaces.networks import MLP, ResNet
from halfspaces.optimizers import SGD

MOST_MEMORY = 64 << 20  # bytes a file of some kilobytes may ask for
LONGEST_SENTENCE = 600
DEEP = "something deep"
PALETTE = [
    *(
        None,
        True,
        -1,
        0,
        1,
        2**31,
        2**63,
        10**400,
        0.5,
        1e308,
        "",
        "x",
        "\n\x1b[31m" * 40,
        "é" * 9,
        [],
        {},
    ),
    *(
        [[]] * 3,
        ["a", "b"],
        [0] * 10,
        {"pairs": 3},
        {"pairs": [[[], {}]]},
        {"pairs": [[{"pairs": []}, 1]]},
    ),
    *(
        {"component": name}
        for name in ("System", "SGD", "Sigmoid", "Temperature", "State", "OneVsAll", 3)
    ),
    {"component": "Sigmoid", "slopes": [1.0], "offsets": [1e400]},
    *(
        "<U999999999",
        "<U4",
        "O",
        "<f8",
        "V9",
        "(9999999,)f8",
        "f4,f4",
        "M8[s]",
        "<i1",
        "|b1",
        "|S5",
        ",",
        "8" * 5000,
    ),
    *("softmax", "hinge", "l1", "max_norm", "sgd", "balanced"),
]
DESCRIBED = (
    "hog+hue",
    "patches(n=8, size=3)",
    "words(n=4, levels=(1, 2))",
    "words(of=raw, n=4)+textons(n=4)",
)
LITERALS = """
0 ; -1 ; 1 ; 2 ; 3 ; 7 ; 0.5 ; 1e9 ; 1e-300 ; 1e308 ; 1e400 ; 10**400 ; True ; None ; 1j ; b'x' ; ''
{1: 2} ; [1, 2] ; [[1]] ; () ; (1,) ; (1, 2) ; (2, 1) ; (4, 4, 4, 4) ; (-1,) ; ('a',)
(1,) * 9 ; ((1, 2), 3)
(1000000000,) ; (1e9,) ; (1e-9, 1e3) ; 'hard' ; 'triangle' ; 'kmeans' ; 'count'
hog ; hue ; raw ; sift ; ssim ; filters ; words ; textons ; encoder ; words(of=raw)
sift(cell=1) ; ssim(radius=900)
filters(scales=(1e3,)) ; raw(size=100) ; encoder(path='/dev/zero')
encoder(path='\\0')
"""
WORDS = """
+ ; hog ; hue ; pixels ; lbp ; gist ; ssim ; sift ; raw ; filters ; textons ; words
patches ; colors ; encoder
encoder(path='/dev/zero') ; encoder:. ; words(of=gist) ; gist(scales=9) ; gist(prefilter=1e-9)
filters(scales=(300.0,))
colors(bins=64, cell=1) ; gist(orientations=300, scales=300)
hog(cell=1, block=9, orientations=300) ; ssim(angles=1000, rings=1000)
"""
LITERALS, WORDS = (
    [each for line in text.split("\n")[1:-1] for each in line.split(" ; ")]
    for text in (LITERALS, WORDS)
)
LITERALS += ["9" * 5000, f"({'1, ' * 900})", "[" * 400 + "]" * 400]
WORDS += ["hog+" * 500 + "hog", "words(of=" * 90 + "raw" + ")" * 90]


def models():
    """Bytes of some models of a few kilobytes:
    two classes, calibrated, centred, labels of several types, features.
    """
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 5)), np.arange(60) % 3
    X[np.arange(60), y] += 2
    names = np.array(["cat", "dog", "Käse"])
    fitted = [
        LinearClassifier(strength=0.1).fit(X, y),
        LinearClassifier("hinge", strength=0.1).fit((X + 1e5).astype(np.float32), names[y]),
        LinearClassifier("ova_logistic", "l1", 0.01, class_weight={True: 2.0, False: 1.0}).fit(
            X, y > 0
        ),
    ]
    fitted[1].calibration_ = Sigmoid((1.0, 2.0, 3.0), (0.0, 0.5, 0.0))
    with tempfile.TemporaryDirectory() as folder:
        for number, classifier in enumerate(fitted):
            path = Path(folder, f"{number}.safetensors")
            halfspaces.save(classifier, path, class_names=list(names), metrics={"test": 0.9})
            yield path.read_bytes()
        images = rng.integers(0, 256, (60, 16, 16, 3), np.uint8)
        for words in DESCRIBED:
            feature = parse(words).fit(images)
            path = Path(folder, "described.safetensors")
            classifier = LinearClassifier(strength=0.1, tol=0.1).fit(feature.transform(images), y)
            halfspaces.save(classifier, path, features=feature)
            yield path.read_bytes()
        if find_spec("torch") is not None:
            yield from _networks(Path(folder))


def _networks(folder: Path):
    """Bytes of an MLP of rows and of a residual network of images."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 36)).astype(np.float32), np.arange(40) % 3
    X[np.arange(40), y] += 2
    brief = SGD(step_size=2e-3, batch_size=20, epochs=1)
    networks = {
        None: MLP(hidden=(4, 3), dropout=0.2, batch_norm=True),
        (6, 6): ResNet(width=1, stochastic_depth=0.2, fractional_pooling=True),
    }
    for image_shape, network in networks.items():
        classifier = NetworkClassifier(
            network, optimizer=brief, image_shape=image_shape, verbose=-1
        ).fit(X, y)
        path = folder / "network.safetensors"
        halfspaces.save(classifier, path, class_names=["a", "b", "c"])
        yield path.read_bytes()


def mutants(whole: bytes, rng: random.Random):
    """Endless mutants of a file: of its bytes, its header, and, with right checksums,
    its metadata and tensors.
    """
    ways = [
        _flipped,
        _cut,
        _spliced,
        _long_header,
        _other_header,
        _other_metadata,
        _other_metadata,
        _other_tensors,
    ]
    if b"features.image_shape_" in whole:
        ways += 4 * [_other_words] + 4 * [_other_arrays]
    while True:
        yield rng.choice(ways)(whole, rng)


def _flipped(whole, rng):
    changed = bytearray(whole)
    for _ in range(rng.choice((1, 1, 2, 20))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut(whole, rng):
    return whole[: rng.randrange(len(whole))]


def _spliced(whole, rng):
    start, end, place = [
        *sorted(rng.randrange(len(whole)) for _ in range(2)),
        rng.randrange(len(whole)),
    ]
    part = rng.choice((whole[start:end], rng.randbytes(rng.randrange(64)), b""))
    return whole[:place] + part + whole[rng.choice((place, end)) :]


def _long_header(whole, rng):
    return (
        struct.pack("<Q", rng.choice((0, 1, len(whole), 1 << 24, 1 << 25, 1 << 40, 2**64 - 1)))
        + whole[8:]
    )


def _parts(whole):
    end = 8 + int.from_bytes(whole[:8], "little")
    return json.loads(whole[8:end]), whole[end:]


def _joined(header, body):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def _other_header(whole, rng):
    header, body = _parts(whole)
    name = rng.choice([name for name in header if name != "__metadata__"])
    huge = rng.choice((1 << 40, 1 << 62, 10**30, -8))
    change = rng.choice(
        (
            {"shape": [huge]},
            {"shape": [1 << 32, 1 << 32]},
            {"data_offsets": [0, huge]},
            {"shape": [huge], "data_offsets": [0, huge * 8]},
            {"dtype": rng.choice(("F64", "BF16", "F8_E4M3", "C64", "", None))},
            {rng.choice(("shape", "data_offsets", "dtype")): rng.choice(PALETTE)},
        )
    )
    header[name] |= change
    return _joined(header, body)


def _other_metadata(whole, rng):
    """One value, somewhere in the metadata, becomes another."""
    header, body = _parts(whole)
    envelope = json.loads(header["__metadata__"]["halfspaces"])
    places = [(envelope, key) for key in envelope] + list(_places(envelope["metadata"]))
    holder, key = rng.choice(places)
    if rng.random() < 0.2:
        del holder[key]
    else:
        holder[key] = DEEP if rng.random() < 0.05 else rng.choice(PALETTE)
    header["__metadata__"]["halfspaces"] = json.dumps(envelope).replace(f'"{DEEP}"', _deep(rng))
    return _joined(header, body)


def _places(node):
    for key in list(node) if isinstance(node, dict) else range(len(node)):
        yield node, key
        if isinstance(node[key], (dict, list)):
            yield from _places(node[key])


def _deep(rng):
    """JSON nested many times: more than json reads, or than functions call each other,
    or just fewer.
    """
    start, end = rng.choice((("[", "]"), ('{"pairs": [[0, ', "]]}")))
    count = rng.choice((50, 300, 900, 100_000))
    return start * count + "0" + end * count


def _other_words(whole, rng):
    """The words of the feature with another number, option, value or part; or other words."""
    header, body = _parts(whole)
    envelope = json.loads(header["__metadata__"]["halfspaces"])
    words = envelope["metadata"]["features"]
    for _ in range(rng.choice((1, 1, 2))):
        numbers = list(re.finditer(r"\d+", words))
        way = rng.randrange(5)
        if way == 0 and numbers:
            found = rng.choice(numbers)
            words = words[: found.start()] + rng.choice(LITERALS) + words[found.end() :]
        elif way <= 2:
            words = re.sub(
                r"\b(hog|hue|raw|textons|patches|words)\b(\(|)",
                lambda found: _with_option(found, rng),
                words,
                count=1,
            )
        elif way == 3:
            place = rng.randrange(len(words) + 1)
            words = (
                words[:place]
                + rng.choice(("", "(", ")", "+", ",", "=", "é", "\0", "9"))
                + words[place + 1 :]
            )
        else:
            words = rng.choice((f"{words}+{rng.choice(WORDS)}", rng.choice(WORDS)))
    envelope["metadata"]["features"] = words
    header["__metadata__"]["halfspaces"] = json.dumps(envelope)
    return _joined(header, body)


def _with_option(found, rng):
    """A word that was found, with one option more."""
    options = list(FEATURES[found[1]]().get_params(deep=False))
    option = f"{found[1]}({rng.choice(options)}={rng.choice(LITERALS)}"
    return option + (", " if found[2] else ")")


def _other_arrays(whole, rng):
    """An array of the feature with other numbers, or another image shape in all parts;
    sums are right.
    """
    header, _ = _parts(whole)
    tensors, envelope = load(whole), json.loads(header["__metadata__"]["halfspaces"])
    names = [name for name in tensors if name.startswith("features.")]
    name = rng.choice(names)
    if name.endswith("image_shape_"):
        shape = [
            rng.choice((0, 1, 2, 3, 8, 15, 16, 17, 64, 1 << 29, 1 << 40, -16)) for _ in range(2)
        ]
        tensors |= {
            other: np.array([*shape, rng.choice((1, 3, 3))])
            for other in names
            if other.endswith("image_shape_")
        }
    else:
        array = tensors[name].copy()
        if array.size:
            array.reshape(-1)[rng.randrange(array.size)] = rng.choice(
                (0, -1, 1e30, 3e38, -3e38, 1e-30, np.inf)
            )
        with np.errstate(all="ignore"):
            tensors[name] = rng.choice(
                (array, np.zeros_like(array), array * np.float32(1e30), -array, array[..., None])
            )
    return _summed(tensors, envelope)


def _other_tensors(whole, rng):
    header, _ = _parts(whole)
    tensors, envelope = load(whole), json.loads(header["__metadata__"]["halfspaces"])
    name = rng.choice(list(tensors))
    tensor = tensors.pop(name)
    if rng.random() < 0.9:
        with np.errstate(all="ignore"):
            cast = tensor.astype(rng.choice(("i4", "f2", "?", "f8")))
            nan = np.full_like(tensor, np.nan)
        other = rng.choice((np.zeros(0), np.zeros((3, 5)), nan, np.array(3), np.zeros((0, 5))))
        tensors[name] = rng.choice((other, cast, tensor.T, tensor[..., None]))
    return _summed(tensors, envelope)


def _summed(tensors, envelope):
    """The file with the right checksum."""
    tensors = {key: np.ascontiguousarray(value) for key, value in tensors.items()}
    envelope["sha256"] = safetensors_file._checksum(tensors)
    return save(tensors, {"halfspaces": json.dumps(envelope)})


def check(path: Path, content: bytes) -> str:
    """What comes of a file, "model" or "refused";
    AssertionError, or whatever else came out of it.
    """
    path.write_bytes(content)
    tracemalloc.start()
    try:
        classifier = halfspaces.load(path)
    except safetensors_file.ModelFileError as error:
        words = str(error)
        assert words.isprintable(), words
        assert len(words) < LONGEST_SENTENCE + len(str(path)), words
        assert path.name in words
        return "refused"
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < MOST_MEMORY, f"{peak:,} bytes"
    classifier.set_params(n_jobs=1)
    if features_of(classifier) is not None:
        _describe(classifier)
    labels = classifier.predict(np.ones((2, classifier.n_features_in_)))
    assert np.isin(labels, classifier.classes_).all()
    if hasattr(classifier, "predict_proba"):
        assert np.isfinite(classifier.predict_proba(np.ones((2, classifier.n_features_in_)))).all()
    return "model"


def _describe(classifier):
    """What was loaded describes images of its shape, in columns that the classifier takes."""
    feature = classifier.features_
    shape = tuple(int(number) for number in feature.image_shape_)
    for part in (feature, *(feature.parts_ if isinstance(feature, Mixture) else ())):
        part.set_params(n_jobs=1)
    noise = np.random.default_rng(0).integers(0, 256, (1, *shape), np.uint8)
    for images in (noise, np.zeros_like(noise)):
        rows = feature.transform(images)
        assert rows.shape == (1, classifier.n_features_in_), f"{feature} makes {rows.shape}"


def fuzz(count: int, folder: Path, seed: int = 0) -> dict[str, int]:
    """Try so many mutants; how many were refused, and how many were models still."""
    rng = random.Random(seed)
    sources = [mutants(whole, rng) for whole in models()]
    outcomes = {"refused": 0, "model": 0}
    with suppress(ImportError):  # a published network is made once a process, in 70 MB
        parse("encoder").fit(np.zeros((1, 8, 8, 3), np.uint8))
    for number in range(count):
        content = next(sources[number % len(sources)])
        try:
            outcomes[check(folder / "given.safetensors", content)] += 1
        except BaseException as error:
            error.add_note(f"mutant {number} of seed {seed}")
            raise
    return outcomes


if __name__ == "__main__":
    warnings.simplefilter("error")
    with tempfile.TemporaryDirectory() as place:
        print(fuzz(int(sys.argv[1]), Path(place), int(sys.argv[2]) if len(sys.argv) > 2 else 0))

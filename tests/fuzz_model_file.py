"""Mutated model files: all that may come of one is a classifier that predicts, or a ModelFileError of one line.

`python tests/fuzz_model_file.py 20000` tries so many; the tests a few hundred.
"""

import json
import random
import struct
import sys
import tempfile
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
from safetensors.numpy import load, save

import halfspaces
from halfspaces import LinearClassifier, model_file
from halfspaces.calibration import Sigmoid

MOST_MEMORY = 64 << 20  # bytes a file of some kilobytes may ask for
LONGEST_SENTENCE = 600
DEEP = "something deep"
PALETTE = [
    *(None, True, -1, 0, 1, 2**31, 2**63, 10**400, 0.5, 1e308, "", "x", "\n\x1b[31m" * 40, "é" * 9, [], {}),
    *([[]] * 3, ["a", "b"], [0] * 10, {"pairs": 3}, {"pairs": [[[], {}]]}, {"pairs": [[{"pairs": []}, 1]]}),
    *({"component": name} for name in ("System", "SGD", "Sigmoid", "Temperature", "State", "OneVsAll", 3)),
    {"component": "Sigmoid", "slopes": [1.0], "offsets": [1e400]},
    *("<U999999999", "<U4", "O", "<f8", "V9", "(9999999,)f8", "f4,f4", "M8[s]", "<i1", "|b1", "|S5", ",", "8" * 5000),
    *("softmax", "hinge", "l1", "max_norm", "sgd", "balanced"),
]


def models():
    """Bytes of some models of a few kilobytes: two classes, calibrated, centred, labels of several types."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 5)), np.arange(60) % 3
    X[np.arange(60), y] += 2
    names = np.array(["cat", "dog", "Käse"])
    fitted = [
        LinearClassifier(strength=0.1).fit(X, y),
        LinearClassifier("hinge", strength=0.1).fit((X + 1e5).astype(np.float32), names[y]),
        LinearClassifier("ova_logistic", "l1", 0.01, class_weight={True: 2.0, False: 1.0}).fit(X, y > 0),
    ]
    fitted[1].calibration_ = Sigmoid((1.0, 2.0, 3.0), (0.0, 0.5, 0.0))
    with tempfile.TemporaryDirectory() as folder:
        for number, classifier in enumerate(fitted):
            path = Path(folder, f"{number}.safetensors")
            halfspaces.save(classifier, path, class_names=list(names), metrics={"test": 0.9})
            yield path.read_bytes()


def mutants(whole: bytes, rng: random.Random):
    """Endless mutants of a file: of its bytes, its header, and, with right checksums, its metadata and tensors."""
    ways = (_flipped, _cut, _spliced, _long_header, _other_header, _other_metadata, _other_metadata, _other_tensors)
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
    start, end, place = [*sorted(rng.randrange(len(whole)) for _ in range(2)), rng.randrange(len(whole))]
    part = rng.choice((whole[start:end], rng.randbytes(rng.randrange(64)), b""))
    return whole[:place] + part + whole[rng.choice((place, end)) :]


def _long_header(whole, rng):
    return struct.pack("<Q", rng.choice((0, 1, len(whole), 1 << 24, 1 << 25, 1 << 40, 2**64 - 1))) + whole[8:]


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
    """JSON nested many times: more than json reads, or than functions call each other, or just fewer."""
    start, end = rng.choice((("[", "]"), ('{"pairs": [[0, ', "]]}")))
    count = rng.choice((50, 300, 900, 100_000))
    return start * count + "0" + end * count


def _other_tensors(whole, rng):
    header, _ = _parts(whole)
    tensors, envelope = load(whole), json.loads(header["__metadata__"]["halfspaces"])
    name = rng.choice(list(tensors))
    tensor = tensors.pop(name)
    if rng.random() < 0.9:
        with np.errstate(all="ignore"):
            cast = tensor.astype(rng.choice(("i4", "f2", "?", "f8")))
        other = rng.choice((np.zeros(0), np.zeros((3, 5)), np.full_like(tensor, np.nan), np.array(3), np.zeros((0, 5))))
        tensors[name] = rng.choice((other, cast, tensor.T, tensor[..., None]))
    envelope["sha256"] = model_file._checksum(tensors)
    return save(
        {key: np.ascontiguousarray(value) for key, value in tensors.items()}, {"halfspaces": json.dumps(envelope)}
    )


def check(path: Path, content: bytes) -> str:
    """What comes of a file, "model" or "refused"; AssertionError, or whatever else came out of it."""
    path.write_bytes(content)
    tracemalloc.start()
    try:
        classifier = halfspaces.load(path)
    except model_file.ModelFileError as error:
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
    labels = classifier.predict(np.ones((2, classifier.n_features_in_)))
    assert np.isin(labels, classifier.classes_).all()
    if hasattr(classifier, "predict_proba"):
        assert np.isfinite(classifier.predict_proba(np.ones((2, classifier.n_features_in_)))).all()
    return "model"


def fuzz(count: int, folder: Path, seed: int = 0) -> dict[str, int]:
    """Try so many mutants; how many were refused, and how many were models still."""
    rng = random.Random(seed)
    sources = [mutants(whole, rng) for whole in models()]
    outcomes = {"refused": 0, "model": 0}
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

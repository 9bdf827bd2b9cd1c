"""Random numbers from 0 to 65,535, one for each seed, draw, row and feature.

Each number is a function of these four alone, so it is the same for any order of the rows, any
blocks, minibatches and number of workers. The generator is SplitMix64: the n-th word of a stream
that begins at `key` is the mixed value of key + n · `STRIDE`. A word of 64 bits gives the numbers
of four features.

Steele, Lea & Flood, Fast splittable pseudorandom number generators, OOPSLA 2014,
https://doi.org/10.1145/2660193.2660195
"""

from functools import lru_cache

import numpy as np

from halfspaces.support.types import Array

STRIDE = 0x9E3779B97F4A7C15
MIXING = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))
LANES = 4  # numbers in one word
VALUES = 1 << 16  # of one number
CACHED_WORDS = 1 << 15  # mixed at a time: 256 kB stay in a core's cache


def random_bits(seed: int, draw: int, rows: Array, n_features: int) -> Array:
    """The numbers (B, D), uint16, of B row numbers and all features.

    >>> random_bits(0, 0, np.array([5, 2]), 3)[1].tolist() == random_bits(
    ...     0, 0, np.array([2]), 3
    ... )[0].tolist()
    True
    """
    words = _words_per_row(n_features)
    first = _first_words(seed, draw, rows, words)
    steps = np.arange(words, dtype=np.uint64) * np.uint64(STRIDE)
    mixed = np.empty((len(rows), words), np.dtype("<u8"))
    size = max(CACHED_WORDS // words, 1)
    for start in range(0, len(rows), size):
        part = mixed[start : start + size]
        np.add(first[start : start + size, None], steps, out=part)
        _mix(part)
    return mixed.view("<u2")[:, :n_features]


def random_bits_at(seed: int, draw: int, rows: Array, features: Array, n_features: int) -> Array:
    """The numbers (n,), uint16, of n pairs of a row number and a feature."""
    words = _first_words(seed, draw, rows, _words_per_row(n_features))
    words += (features // LANES).astype(np.uint64) * np.uint64(STRIDE)
    _mix(words)
    words >>= (features % LANES).astype(np.uint64) * np.uint64(16)
    return words.astype(np.uint16)


def _words_per_row(n_features: int) -> int:
    return -(-n_features // LANES)


def _first_words(seed: int, draw: int, rows: Array, words: int) -> Array:
    """The unmixed first word of each row; sums and products are modulo 2⁶⁴."""
    return _key(seed, draw) + rows.astype(np.uint64) * np.uint64(words * STRIDE % 2**64)


@lru_cache(maxsize=16)
def _key(seed: int, draw: int) -> Array:
    """The first word (1,) of row 0."""
    return np.random.SeedSequence((seed, draw)).generate_state(1, np.uint64)


def _mix(words: Array) -> None:
    """Replace the words by their mixed values."""
    shifted = np.empty_like(words)
    for shift, factor in MIXING:
        np.right_shift(words, np.uint64(shift), out=shifted)
        words ^= shifted
        if factor != 1:
            words *= np.uint64(factor)

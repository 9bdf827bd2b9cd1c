"""Which split a name says: train, test or validation."""

import re

OF_SPLIT = {
    "train": ("train", "training"),
    "test": ("test", "testing"),
    "validation": ("validation", "valid", "val", "dev"),
}
USES = {"train": "for training", "validation": "for validation", "test": "for testing"}
SPLIT_OF_WORD = {word: split for split, words in OF_SPLIT.items() for word in words}
BORDER = re.compile(r"[\W\d_]+|(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def words(name: str) -> list[str]:
    """The words of a name in small letters, also those that only capitals tell apart.

    >>> words("trainLabels_2"), words("HAM10000-seg.TEST")
    (['train', 'labels'], ['ham', 'seg', 'test'])
    """
    return [word.lower() for word in BORDER.split(name) if word]


def split_of(name: str) -> str | None:
    """The split that a word of a name says; None for none, or for several.

    >>> [split_of(name) for name in ("Train", "seg_test", "devSet", "terrain", "train_test")]
    ['train', 'test', 'validation', None, None]
    """
    splits = {SPLIT_OF_WORD[word] for word in words(name) if word in SPLIT_OF_WORD}
    return splits.pop() if len(splits) == 1 else None

"""Files of images, found by what a table calls them."""

from collections import defaultdict
from collections.abc import Iterable

from halfspaces.datasets.formats.decode_image import SUFFIXES


class FileNames:
    r"""The files that a text may mean: their path, or its end, with or without suffix.

    A number also means a file named by that number with leading zeros, which a table may lack.

    >>> files = FileNames(["pets/train/7.jpg", "pets/test/7.jpg", "pets/train/8.jpg"])
    >>> files.candidates("7"), files.candidates("train/7.jpg"), files.candidates("7.png")
    (['pets/train/7.jpg', 'pets/test/7.jpg'], ['pets/train/7.jpg'], [])
    >>> files.candidates("C:\\photos\\pets\\train\\8.jpg")
    ['pets/train/8.jpg']
    >>> FileNames(["0007.png", "0008.png"]).candidates("7")
    ['0007.png']
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._by_last: dict[str, list[str]] = defaultdict(list)
        self._by_number: dict[str, list[str]] = defaultdict(list)
        for name in names:
            last = name.rpartition("/")[2]
            stem = _without_suffix(last)
            for each in {last, stem}:
                self._by_last[each].append(name)
            if _is_number(stem):
                self._by_number[stem.lstrip("0")].append(name)

    def candidates(self, value: str) -> list[str]:
        """The files that `value` names, or else those of its number."""
        found = self.named(value)
        if found or not _is_number(value):
            return found
        return list(self._by_number.get(value.lstrip("0"), ()))

    def named(self, value: str) -> list[str]:
        """The files whose path ends like `value`, or `value` like their path."""
        wanted = "/" + value.replace("\\", "/").removeprefix("./").strip("/")
        named = self._by_last.get(wanted.rpartition("/")[2], [])
        return [name for name in named if _is_end(name, wanted)]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _is_end(name: str, wanted: str) -> bool:
    """Whether one of two paths is the end of the other."""
    path = "/" + name
    if not wanted.lower().endswith(SUFFIXES):
        path = _without_suffix(path)
    return path.endswith(wanted) or wanted.endswith(path)


def _without_suffix(name: str) -> str:
    """The name without the suffix of an image; a name may have other full stops.

    >>> _without_suffix("cat.0.JPG"), _without_suffix("cat.0")
    ('cat.0', 'cat.0')
    """
    suffix = next((each for each in SUFFIXES if name.lower().endswith(each)), "")
    return name[: len(name) - len(suffix)]

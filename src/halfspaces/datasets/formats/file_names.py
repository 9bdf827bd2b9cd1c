"""Files of images, found by what a table calls them."""

from collections import defaultdict
from collections.abc import Iterable

from halfspaces.datasets.formats.decode_image import SUFFIXES


class FileNames:
    r"""The files that a text may mean: their path, or its end, with or without suffix.

    >>> files = FileNames(["pets/train/7.jpg", "pets/test/7.jpg", "pets/train/8.jpg"])
    >>> files.candidates("7"), files.candidates("train/7.jpg"), files.candidates("7.png")
    (['pets/train/7.jpg', 'pets/test/7.jpg'], ['pets/train/7.jpg'], [])
    >>> files.candidates("C:\\photos\\pets\\train\\8.jpg")
    ['pets/train/8.jpg']
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._by_last: dict[str, list[str]] = defaultdict(list)
        for name in names:
            last = name.rpartition("/")[2]
            for each in {last, _without_suffix(last)}:
                self._by_last[each].append(name)

    def candidates(self, value: str) -> list[str]:
        """The files whose path ends like `value`, or `value` like their path."""
        wanted = "/" + value.replace("\\", "/").removeprefix("./").strip("/")
        named = self._by_last.get(wanted.rpartition("/")[2], [])
        return [name for name in named if _is_end(name, wanted)]


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

"""Sentences of the page, by key; where they are shown decides in which language they are said."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Sentence:
    """A text of the table of words, with values for its placeholders.

    >>> Sentence("error.no_points").key
    'error.no_points'
    """

    key: str
    values: dict[str, Any] = field(default_factory=dict[str, Any])


class PageError(ValueError):
    """What a page asked for cannot be done; `sentence` says why and what to do.

    >>> str(PageError("error.no_points"))
    'error.no_points'
    """

    def __init__(self, key: str, **values: Any) -> None:
        super().__init__(key)
        self.sentence = Sentence(key, values)

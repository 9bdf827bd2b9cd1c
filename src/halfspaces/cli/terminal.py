"""Names, labels and notes of others on a terminal: shown, never obeyed."""

from typing import Any

from rich.table import Table
from rich.text import Text

from halfspaces.system.errors import shown


class Rows(Table):
    """A table whose cells hold what a terminal only shows."""

    def add_row(self, *cells: Any, **options: Any) -> None:
        """Add a row; a str may have markup, a Text has none."""
        super().add_row(*map(clean, cells), **options)


def clean(words: str | Text) -> str | Text:
    """Words on one line, without codes that a terminal would obey; the styles of a Text stay."""
    if isinstance(words, str):
        return shown(words)
    cleaned = words.copy()
    cleaned.plain = shown(words.plain)
    return cleaned

"""The interactive page: points and images on which the library runs while they are changed.

`halfspaces play` opens it in a browser; in a notebook, `halfspaces.page.Widget()` shows it.
"""

from typing import Any

__all__ = ["Widget"]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name == "Widget":
        from halfspaces.page import extra

        extra.load("anywidget")
        from halfspaces.page.widget import Widget

        return Widget
    raise AttributeError(f"module 'halfspaces.page' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

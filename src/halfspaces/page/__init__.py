"""The interactive page: points and images on which the library runs while they are changed.

`halfspaces play` opens it in a browser; in a notebook, `halfspaces.page.play()` shows it.
"""

from typing import Any

__all__ = ["Widget", "play"]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from halfspaces.page import extra

        extra.load("anywidget")
        from halfspaces.page import widget

        return getattr(widget, name)
    raise AttributeError(f"module 'halfspaces.page' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

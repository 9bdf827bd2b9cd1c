"""Options whose value may be "auto": what they stand for where nothing is raced."""

from typing import Any, Self

from halfspaces.features.candidates import PIXELS
from halfspaces.files import options as table

AUTO = "auto"
DEFAULTS = {"features": None, "loss": "softmax", "penalty": "l2"}


class OpenOptions(table.Options):
    """Options of a training, some of which a race may decide."""

    def is_given(self, name: str) -> bool:
        """Whether the value of an option differs from its default."""
        return getattr(self, name) != table.all_options()[name].default

    def with_defaults(self) -> Self:
        """The same recipe with defaults where it says "auto": nothing is raced."""
        return self.chosen(
            **{name: value for name, value in DEFAULTS.items() if self.is_open(name)}
        )

    def chosen(self, **options: Any) -> Self:
        """The same recipe with other values of some options."""
        return self.model_copy(update=options)

    def is_open(self, name: str) -> bool:
        """Whether an option is "auto"."""
        return getattr(self, name) == AUTO

    @property
    def describes(self) -> bool:
        """Whether features are computed from images; pixels without copies are as they are."""
        raw = self.features in (None, AUTO, PIXELS)
        return not raw or bool(self.flip or self.shift)

    def check_no_images(self, name: str) -> None:
        """Raise ValueError for options of images, of data that are plain rows."""
        if self.is_given("features") and self.features is not None:
            raise ValueError(
                f"--features {self.features} describes images, and {name} holds plain rows of "
                "numbers; leave --features out, or give images."
            )
        for option in ("flip", "shift", "cache_features"):
            if self.is_given(option):
                raise ValueError(
                    f"{table.flag(option)} belongs to images, and {name} holds plain rows of "
                    "numbers; leave it out."
                )

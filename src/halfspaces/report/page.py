"""The HTML page of a report: one file, readable without a network and without scripts."""

import base64
import shlex
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from typing import TYPE_CHECKING

from halfspaces.plots.display import Display
from halfspaces.report.summary import Summary
from halfspaces.system.errors import NO_BREAK, shown_lines
from halfspaces.system.words import say, words

if TYPE_CHECKING:
    from jinja2 import Template


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture of the report.

    Parameters
    ----------
    title : str
    text : str
        What to look for.
    display : Display
    is_image : bool
        Whether it shows pixels, so that PNG is smaller than SVG.
    """

    title: str
    text: str
    display: Display
    is_image: bool = False

    @property
    def source(self) -> str:
        """The picture as a data URL."""
        suffix = ".png" if self.is_image else ".svg"
        kind = "image/png" if self.is_image else "image/svg+xml"
        content = base64.b64encode(self.display.content(suffix)).decode()
        return f"data:{kind};base64,{content}"

    @property
    def width(self) -> int:
        """In CSS pixels, at most."""
        return round(96 * self.display.shape[0])


def render(summary: Summary, pictures: list[Picture]) -> str:
    """The page, in the summary's language. Names from files stay text."""
    language = summary.language
    return _template().render(
        summary=summary,
        pictures=pictures,
        say=partial(say, language),
        words=words(language),
        percent=partial(_percent, language),
    )


@cache
def _template() -> "Template":
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, finalize=_finalize, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"python": repr, "shell": shlex.quote}
    text = files("halfspaces.report").joinpath("templates/report.html").read_text("utf-8")
    return environment.from_string(text)


def _finalize(value: object) -> object:
    """What is written of a value: names and notes of others lose codes and marks of direction."""
    from markupsafe import Markup, escape

    if not isinstance(value, str):
        return value
    return Markup(str(escape(shown_lines(value))).replace(NO_BREAK, "&nbsp;"))


def _percent(language: str, value: float | None) -> str:
    return "—" if value is None else say(language, "percent", number=f"{100 * value:.1f}")

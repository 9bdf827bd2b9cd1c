"""`halfspaces data`: formats, well-known data sets, listed, downloaded, described; suspects."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from halfspaces.cli.examples import epilog
from halfspaces.cli.options import help_alone
from halfspaces.cli.screen import echo
from halfspaces.cli.suspects import suspects
from halfspaces.system import interrupts
from halfspaces.system.progress import Bar

if TYPE_CHECKING:
    from halfspaces.datasets.catalogue import Entry
    from halfspaces.datasets.files.download import Progress

app = typer.Typer(
    invoke_without_command=True,
    callback=help_alone,
    help="Well-known data sets: list, download and describe them; labels that are likely wrong.",
)
app.command(epilog=epilog("data suspects"))(suspects)
NameArgument = Annotated[str, typer.Argument(help="A name of `halfspaces data list`.")]
BUNDLED = "handwritten digits, 1,437 + 360 grey images of 8 x 8 pixels in 10 classes"


@app.command("list", epilog=epilog("data list"))
def list_all() -> None:
    """List the data sets that can be used by name."""
    from rich.table import Table

    from halfspaces.cli import screen
    from halfspaces.datasets import CATALOGUE

    table = Table("name", "", "", box=None, pad_edge=False, header_style="dim", show_header=False)
    table.add_row("digits", "comes along", BUNDLED)
    for entry in CATALOGUE.values():
        table.add_row(
            entry.name, "is here" if entry.folder.is_dir() else megabytes(entry.size), entry.about
        )
    screen.console_for_lists().print(table)


@app.command(epilog=epilog("data formats"))
def formats() -> None:
    """List the files and folders that can be used as data."""
    from halfspaces.datasets import FORMATS

    for format in reversed(FORMATS.values()):
        if format.summary:
            echo(format.summary)


@app.command(epilog=epilog("data get"))
def get(
    name: NameArgument,
    mirror: Annotated[
        str | None,
        typer.Option(help="Address that has the files as NAME/FILE, instead of the official ones."),
    ] = None,
) -> None:
    """Download a data set, verify and store it; an interrupted download is resumed."""
    from halfspaces.datasets import catalogue

    entry = _entry(name)
    if entry is None:
        echo(f"{name} comes along; train on it: halfspaces train {name}")
        return
    interrupts.work_begins()
    with _progress(entry.size) as progress:
        folder = catalogue.get(name, mirror, progress)
    echo(f"{name} is at {folder}; train on it: halfspaces train {name}")


@app.command(epilog=epilog("data info"))
def info(name: NameArgument) -> None:
    """Describe a data set: content, source, place on disk."""
    entry = _entry(name)
    if entry is None:
        echo(f"{name}: {BUNDLED}; comes with scikit-learn")
        return
    echo(f"{name}: {entry.about}")
    echo(f"homepage  {entry.homepage}")
    for file in entry.files:
        echo(f"file      {file.url}  {file.size:,} bytes  md5 {file.md5}")
    here = (
        str(entry.folder) if entry.folder.is_dir() else f"not yet; run: halfspaces data get {name}"
    )
    echo(f"here      {here}")


@app.command(epilog=epilog("data cache"))
def cache(
    keep: Annotated[
        str | None,
        typer.Option(
            help="Remove the least recently used sets until at most this much is left: 5GB, 0, ..."
        ),
    ] = None,
) -> None:
    """List the decoded images and features that are stored for later runs, or remove some."""
    import time

    from halfspaces.cli.values import size_bytes
    from halfspaces.datasets.files import decoded_cache

    removed = [] if keep is None else decoded_cache.prune(size_bytes("--keep", keep))
    there = decoded_cache.cached_sets()
    for each in there:
        day = time.strftime("%Y-%m-%d %H:%M", time.localtime(each.used))
        echo(f"{megabytes(each.size):>10}  used {day}  {each.source}")
    for each in removed:
        echo(f"{megabytes(each.size):>10}  removed                {each.source}")
    sets = f"{len(there)} set{'' if len(there) == 1 else 's'} of decoded images or features"
    echo(
        f"{megabytes(sum(each.size for each in there)):>10}  in {sets}, in {decoded_cache.folder()}"
    )


def megabytes(size: int) -> str:
    """A size in words.

    >>> megabytes(170_052_171)
    '170 MB'
    """
    return f"{size / 1e6:,.0f} MB"


def _entry(name: str) -> "Entry | None":
    """The entry of the catalogue; None for a data set that needs no download."""
    from halfspaces.datasets import BUILT_IN, CATALOGUE
    from halfspaces.system.names import nearest

    if name in BUILT_IN:
        return None
    if name not in CATALOGUE:
        suggestion = nearest(name, [*BUILT_IN, *CATALOGUE])
        raise ValueError(f"The data set {name!r} is not in the catalogue: {suggestion}")
    return CATALOGUE[name]


@contextmanager
def _progress(total: int) -> "Iterator[Progress]":
    """A function that shows the progress of a download of several files."""
    done: dict[str, int] = {}
    with Bar("", total, "bytes") as bar:

        def progress(name: str, have: int, size: int) -> None:
            done[name] = have
            bar.title = f"{name} of {megabytes(size)}"
            bar.completed = sum(done.values())
            bar.advance(0)

        yield progress

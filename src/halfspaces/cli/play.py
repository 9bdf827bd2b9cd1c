"""`halfspaces play`: the interactive page, in the browser."""

import re
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

LARGEST_LINK = 1 << 24  # bytes of a file that holds a link


def play(
    link: Annotated[
        str | None,
        typer.Argument(
            help="Open this run: a link of the page (with #run=...), or a file that holds one."
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65_535,
            help="Of the page's address; a free one unless given. A page that is open goes on when "
            "the command is started again with its port.",
        ),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(help="Data that the page offers to train on, as for train; may be repeated."),
    ] = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address and open nothing.")
    ] = False,
) -> None:
    """Open the interactive page: move points, change W, loss and optimizer, and see what follows.

    It trains on images, too. It is served on this machine alone, to those who have the address
    that is printed; Ctrl-C ends it.
    """
    from halfspaces.cli.screen import echo
    from halfspaces.datasets.opening import check_exists
    from halfspaces.page import extra
    from halfspaces.system import interrupts

    extra.load("starlette", "uvicorn", "websockets")
    fragment = "" if link is None else f"#{_run_of(link)}"
    from halfspaces.cli.page_training import train
    from halfspaces.page.server import Server
    from halfspaces.page.session import Session

    for path in data or []:
        check_exists(path)
    new_session = partial(Session, offered=data or [], trainer=train)
    with Server(port, new_session) as server:
        address = server.address + fragment
        echo(f"The page is at {address} (Ctrl-C ends it)")
        if not no_browser:
            _open(address)
        try:
            server.run()
        except KeyboardInterrupt:
            interrupts.end()  # at once: a thread may be busy for a page


def _run_of(given: str) -> str:
    """The fragment of a link, checked."""
    from halfspaces.page.link import PREFIX, from_link
    from halfspaces.page.wording import PageError
    from halfspaces.system.words import say

    text = given if PREFIX in given else _content(Path(given))
    try:
        from_link(text)
    except PageError as error:
        raise ValueError(say("en", error.sentence.key, **error.sentence.values)) from error
    return PREFIX + re.sub(r"[^\w-]", "", text.rpartition(PREFIX)[2])


def _content(path: Path) -> str:
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read(LARGEST_LINK)
    except (OSError, ValueError) as error:
        raise ValueError(
            "LINK must be a link of the page, with #run=... in it, or a text file that holds one, "
            f"got {str(path)!r}."
        ) from error


def _open(address: str) -> None:
    """Open the browser; a thread does it, since a browser in the terminal would not return."""
    import threading
    import webbrowser

    threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()

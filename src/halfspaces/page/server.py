"""The page on 127.0.0.1: its files, and a WebSocket to the session of each page that is open."""

import asyncio
import contextlib
import os
import secrets
import socket
import stat
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import uvicorn
from anyio import to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket, WebSocketDisconnect

from halfspaces.page.gate import Gate
from halfspaces.page.seats import Seat, Seats
from halfspaces.page.session import Session
from halfspaces.system.cache_folder import folder

HOST = "127.0.0.1"
LARGEST_MESSAGE = 20 * 2**20  # bytes: an upload of a table
SECONDS_TO_CLOSE = 1
FILES = {
    "/": ("index.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
    "/LICENSES.txt": ("LICENSES.txt", "text/plain"),
}
ALL_TAKEN = "Too many pages are open; close one of them and reload this one."
TRY_AGAIN_LATER = 1013  # WebSocket close code


class Server:
    """The page's server; it listens as soon as it is made.

    Parameters
    ----------
    port : int or None
        None takes one that is free, with a fresh token. The token of a port that is given is kept
        in the folder for caches, so that a page that is still open goes on after a restart.
    new_session : callable
        Makes the session of a page, which sends by its argument `push`.

    Raises
    ------
    OSError
        If the port cannot be used.

    Examples
    --------
    >>> with Server() as server:
    ...     server.address.startswith(f"http://127.0.0.1:{server.port}/?token=")
    True
    """

    def __init__(
        self, port: int | None = None, new_session: Callable[..., Session] = Session
    ) -> None:
        self.socket = _listening(port or 0)
        self.port: int = self.socket.getsockname()[1]
        self.token = secrets.token_urlsafe(24) if port is None else token_of(port)
        app = Gate(application(Seats(new_session)), self.port, self.token)
        self._uvicorn = uvicorn.Server(_configuration(app))

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *problem: object) -> None:
        self.socket.close()

    @property
    def address(self) -> str:
        """What a browser opens."""
        return f"http://{HOST}:{self.port}/?token={self.token}"

    def run(self) -> None:
        """Answer until the process is interrupted or `stop` is called."""
        self._uvicorn.run(sockets=[self.socket])

    def stop(self) -> None:
        """End `run`, from another thread."""
        self._uvicorn.should_exit = True


def _listening(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere it lets two programs share a port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen()
    except OSError as error:
        listening.close()
        reason = error.strerror or error
        raise OSError(
            f"Port {port} cannot be used: {reason}; give another --port, or none."
        ) from error
    return listening


def token_of(port: int) -> str:
    """The token that belongs to a port, made when it is asked for first.

    Its file can be read by its owner alone; one that others can read or that is a link is replaced.
    """
    path = folder("page", f"{port}.token")
    known = _private_text(path)
    if known:
        return known
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    token = secrets.token_urlsafe(24)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(token)
    return token


def _private_text(path: Path) -> str | None:
    """The text of a file that its owner alone can read; None if it is no such file."""
    try:
        found = path.lstat()
        is_open = os.name == "posix" and bool(found.st_mode & 0o077 or found.st_uid != os.getuid())
        return None if is_open or not stat.S_ISREG(found.st_mode) else path.read_text("ascii")
    except (OSError, ValueError):
        return None


def _configuration(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        log_level="critical",  # what goes wrong is said on the page
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="websockets-sansio",
        ws_max_size=LARGEST_MESSAGE,
        ws_per_message_deflate=False,  # it never leaves the machine
        timeout_graceful_shutdown=SECONDS_TO_CLOSE,
    )


def application(seats: Seats) -> Starlette:
    """The page's files, and its WebSocket at /ws; without a check of who asks."""
    files = [Route(path, _file, methods=["GET"]) for path in FILES]
    socket = WebSocketRoute("/ws", lambda websocket: _talk(websocket, seats))
    return Starlette(routes=[*files, socket])


async def _file(request: Request) -> Response:
    name, kind = FILES[request.url.path]
    path = files("halfspaces.page") / "static" / name
    if not path.is_file():
        return PlainTextResponse(f"There is no {name} in this installation.", 404)
    return Response(path.read_bytes(), media_type=kind)


async def _talk(websocket: WebSocket, seats: Seats) -> None:
    """Answer the messages of one page, one after another, until it goes."""
    await websocket.accept()
    text = await _received(websocket)
    seat = None if text is None else await seats.take(text)
    if seat is None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await websocket.send_json({"id": None, "error": ALL_TAKEN})
            await websocket.close(TRY_AGAIN_LATER)
        return
    sender = None
    try:
        while text is not None:
            answer = await to_thread.run_sync(seat.answer, text, abandon_on_cancel=True)
            if sender is None:  # what is pushed comes after the first answer
                await websocket.send_text(answer)
                sender = asyncio.create_task(_send_all(websocket, seat))
            elif seat.outbox is not None:
                await seat.outbox.put(answer)
            text = await _received(websocket)
    except WebSocketDisconnect:
        pass
    finally:
        if sender is not None:
            sender.cancel()
        seats.leave(seat)


async def _received(websocket: WebSocket) -> str | None:
    """The next message; empty for one that is no text, None once the page has gone."""
    message = await websocket.receive()
    return None if message["type"] == "websocket.disconnect" else message.get("text") or ""


async def _send_all(websocket: WebSocket, seat: Seat) -> None:
    """Send answers, and what is pushed, until the page goes or is sent away."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while seat.outbox is not None:
            text = await seat.outbox.get()
            if text is None:
                await websocket.close(TRY_AGAIN_LATER)
                return
            await websocket.send_text(text)

"""The sessions of a server: one for each page, kept while its page is reloaded."""

import asyncio
import contextlib
import json
import secrets
from collections.abc import Callable
from typing import Any

from halfspaces.page.session import Session

MOST_SESSIONS = 16
MOST_WAITING = 1000  # messages to a page
PATIENCE = 1.0  # seconds until the page that is reloaded has left its session


class Seat:
    """A session, and the way to the page that shows it.

    Parameters
    ----------
    new_session : callable
        Makes a session that sends by its argument `push`.
    """

    def __init__(self, new_session: Callable[..., Session]) -> None:
        self.name = secrets.token_urlsafe(12)
        self.loop = asyncio.get_running_loop()
        self.free = asyncio.Event()
        self.outbox: asyncio.Queue[str | None] | None = None
        self.session = new_session(push=self.push)

    def answer(self, text: Any) -> str:
        """The session's answer to a message, both as JSON."""
        message = parsed(text)
        opens = isinstance(message, dict) and message.get("do") == "open"
        if opens and message.get("session") == self.name:
            message.pop("run", None)  # the session itself is newer than the link to it
        answer = self.session.answer(message)
        if opens and "show" in answer:
            answer["show"]["session"] = self.name
        return dumped(answer)

    def push(self, message: dict[str, Any]) -> None:
        """Send a message to the page, from any thread; one that is gone asks for all on return."""
        text = dumped(message)
        with contextlib.suppress(RuntimeError):  # the server has ended
            self.loop.call_soon_threadsafe(self._send, text)

    def _send(self, text: str) -> None:
        if self.outbox is None:
            return
        if self.outbox.full():  # the page does not listen: it is sent away, and may come back
            while not self.outbox.empty():
                self.outbox.get_nowait()
            self.outbox.put_nowait(None)
        else:
            self.outbox.put_nowait(text)

    def taken(self) -> None:
        """A page shows the session."""
        self.free.clear()
        self.outbox = asyncio.Queue(MOST_WAITING)

    def left(self) -> None:
        """The page has gone."""
        self.outbox = None
        self.free.set()


class Seats:
    """At most `most` seats; a page that comes when all are taken gets the one left longest ago.

    Parameters
    ----------
    new_session : callable
        Makes a session that sends by its argument `push`.
    most : int
    """

    def __init__(self, new_session: Callable[..., Session], most: int = MOST_SESSIONS) -> None:
        self.new_session = new_session
        self.most = most
        self.seats: dict[str, Seat] = {}  # in the order in which they were taken or left

    async def take(self, text: Any) -> Seat | None:
        """The seat that the first message of a page asks for, or a new one; None if all are taken.

        A session that another page shows is not shared: each page changes its own.
        """
        known = self.seats.get(wanted_session(text))
        if known is not None and await self._left(known):
            return self._taken(known)
        if len(self.seats) >= self.most and not self._drop():
            return None
        return self._taken(Seat(self.new_session))

    def leave(self, seat: Seat) -> None:
        """The page has gone; its session is kept for its return."""
        self.seats[seat.name] = self.seats.pop(seat.name)
        seat.left()

    def _taken(self, seat: Seat) -> Seat:
        seat.taken()
        self.seats.pop(seat.name, None)
        self.seats[seat.name] = seat
        return seat

    async def _left(self, seat: Seat) -> bool:
        """Whether its page leaves a seat within a moment, as one does that is reloaded."""
        try:
            await asyncio.wait_for(seat.free.wait(), PATIENCE)
        except TimeoutError:
            return False
        return seat.free.is_set()

    def _drop(self) -> bool:
        """Forget the free seat that was left longest ago."""
        for seat in self.seats.values():
            if seat.free.is_set():
                del self.seats[seat.name]
                if seat.session.images is not None:
                    seat.session.images.stop()
                return True
        return False


def wanted_session(text: Any) -> str:
    """The session that a first message names; empty without one."""
    message = parsed(text)
    named = message.get("session") if isinstance(message, dict) else None
    return named if isinstance(named, str) else ""


def parsed(text: Any) -> Any:
    """What a message says; None if it is no JSON."""
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None


def dumped(message: dict[str, Any]) -> str:
    """A message as JSON."""
    return json.dumps(message, allow_nan=False, separators=(",", ":"))

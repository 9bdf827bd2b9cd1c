"""The sessions of a server: one for each page, kept while its page is reloaded."""

import asyncio
import json
import secrets
from collections.abc import Callable
from typing import Any

from halfspaces.page.session import Session

MOST_SESSIONS = 16
PATIENCE = 1.0  # seconds until the page that is reloaded has left its session


class Seat:
    """A session, and whether a page shows it now.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        self.name = secrets.token_urlsafe(12)
        self.session = session
        self.free = asyncio.Event()

    def answer(self, text: Any) -> str:
        """The session's answer to a message, both as JSON."""
        message = parsed(text)
        opens = isinstance(message, dict) and message.get("do") == "open"
        if opens and message.get("session") == self.name:
            message.pop("run", None)  # the session itself is newer than the link to it
        answer = self.session.answer(message)
        if opens and "show" in answer:
            answer["show"]["session"] = self.name
        return json.dumps(answer, allow_nan=False, separators=(",", ":"))


class Seats:
    """At most `most` seats; a page that comes when all are taken gets the one left longest ago.

    Parameters
    ----------
    new_session : callable
        Makes a session.
    most : int
    """

    def __init__(self, new_session: Callable[[], Session], most: int = MOST_SESSIONS) -> None:
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
        return self._taken(Seat(self.new_session()))

    def leave(self, seat: Seat) -> None:
        """The page has gone; its session is kept for its return."""
        self.seats[seat.name] = self.seats.pop(seat.name)
        seat.free.set()

    def _taken(self, seat: Seat) -> Seat:
        seat.free.clear()
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

"""Who may read the page: browsers on this machine that were given its address with the token."""

import secrets
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",  # the chart library sets styles of its SVG elements
    "img-src 'self' data: blob:",
    "font-src 'self'",
    "connect-src 'self' {websocket}",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
)
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
OTHER_HOST = "This page is at {hosts} only; other hosts are refused."
OTHER_ORIGIN = "A page of another origin asked for this; open the page itself at http://{host}."
NO_TOKEN = "Open the page by the address with ?token= that `halfspaces play` printed."


class Gate:
    """Lets through what comes from the page itself; the rest is refused in one sentence, with 403.

    The host must be that of the page, so that no name of another site can point here. An origin
    must be the page's own, and a WebSocket must name it. All requests need the token in a cookie,
    except the one for `/?token=...`, which sets the cookie.

    Parameters
    ----------
    app : ASGI application
    port : int
    token : str
    """

    def __init__(self, app: ASGIApp, port: int, token: str) -> None:
        self.app = app
        self.hosts = f"127.0.0.1:{port}", f"localhost:{port}"
        self.cookie = f"halfspaces-{port}"  # cookies of one host are shared by all its ports
        self.token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it to the application."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        answer = self._answer(HTTPConnection(scope))
        if answer is None:
            await self.app(scope, receive, self._with_headers(scope, send))
        elif scope["type"] == "http":
            await answer(scope, receive, self._with_headers(scope, send))
        else:
            await WebSocket(scope, receive, send).send_denial_response(answer)

    def _answer(self, request: HTTPConnection) -> Response | None:
        """The answer to a request that the application does not see."""
        refused = self._refusal(request)
        if refused is not None:
            return PlainTextResponse(refused, 403)
        given = request.query_params.get("token")
        is_entrance = request.scope["type"] == "http" and request.scope["path"] == "/"
        if given is not None and is_entrance and self._is_token(given):
            return self._entrance()
        if self._is_token(request.cookies.get(self.cookie, "")):
            return None
        return PlainTextResponse(NO_TOKEN, 403)

    def _refusal(self, request: HTTPConnection) -> str | None:
        host = request.headers.get("host", "")
        if host not in self.hosts:
            return OTHER_HOST.format(hosts=" and ".join(self.hosts))
        needs_origin = request.scope["type"] == "websocket"
        origin = request.headers.get("origin")
        if (needs_origin or origin is not None) and origin != f"http://{host}":
            return OTHER_ORIGIN.format(host=host)
        return None

    def _is_token(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), self.token.encode())

    def _entrance(self) -> Response:
        """To the page without the token in its address; a browser keeps the fragment."""
        answer = RedirectResponse("/", 303)
        answer.set_cookie(self.cookie, self.token, httponly=True, samesite="strict")
        return answer

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        headers = page_headers(self.hosts[0], HTTPConnection(scope).headers)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(headers)
            await send(message)

        return send_with_headers


def page_headers(own_host: str, request: Mapping[str, Any]) -> dict[str, str]:
    """The headers of every answer: nothing is fetched elsewhere, kept, framed or guessed."""
    websocket = f"ws://{request.get('host', own_host)}"
    return HEADERS | {"Content-Security-Policy": "; ".join(POLICY).format(websocket=websocket)}

"""A server of the page in this process, and what its tests do as a browser would."""

import contextlib
import http.client
import json
import threading
from urllib.parse import urlsplit

from websockets.sync.client import connect

from halfspaces.page.server import Server


@contextlib.contextmanager
def serving(**options):
    """A server that runs in a thread."""
    with Server(**options) as server:
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            yield server
        finally:
            server.stop()
            thread.join()


def cookie(server):
    return f"halfspaces-{server.port}={server.token}"


def fetch(server, path="/", **headers):
    """Status, headers and text of an answer; a header that is None is not sent."""
    headers = {"Host": f"127.0.0.1:{server.port}", "Cookie": cookie(server)} | headers
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    with contextlib.closing(connection):
        connection.putrequest("GET", path, skip_host=True)
        for name, value in headers.items():
            if value is not None:
                connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()


@contextlib.contextmanager
def talking(server, **options):
    """A WebSocket, as the page opens it."""
    address = urlsplit(server.address).netloc
    origin = options.pop("origin", f"http://{address}")
    headers = {"Cookie": options.pop("cookie", cookie(server))}
    with connect(
        f"ws://{address}/ws", origin=origin, additional_headers=headers, max_size=None, **options
    ) as socket:
        yield socket


def ask(socket, **message):
    """The answer to a message."""
    socket.send(json.dumps(message))
    return json.loads(socket.recv(timeout=30))

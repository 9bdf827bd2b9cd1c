"""A server on this machine that misbehaves when asked to, and a small MNIST for it to offer."""

import gzip
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from halfspaces.datasets.files.download import Tries
from tests.data_files import idx

QUICK = Tries(timeout=5.0, pause=0.001)


def gzipped(array: np.ndarray) -> bytes:
    """An array as MNIST's files are published."""
    return gzip.compress(idx(array), mtime=0)


IMAGES = np.random.default_rng(0).integers(0, 256, (40, 5, 5))
LABELS = np.arange(40) % 10
MNIST = {
    "train-images-idx3-ubyte.gz": gzipped(IMAGES),
    "train-labels-idx1-ubyte.gz": gzipped(LABELS),
    "t10k-images-idx3-ubyte.gz": gzipped(IMAGES[:10]),
    "t10k-labels-idx1-ubyte.gz": gzipped(LABELS[:10]),
}
FIRST = "mnist/train-images-idx3-ubyte.gz"


class Server(ThreadingHTTPServer):
    """Files by path, a list of faults by path (one a request), and the requests that came."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.faults, self.requests = {}, defaultdict(list), []
        self.released = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path, asked = self.path.lstrip("/"), self.headers["Range"]
        self.server.requests.append((path, asked))
        fault = self.server.faults[path].pop(0) if self.server.faults[path] else None
        if isinstance(fault, int) or path not in self.server.files:
            return self.send_error(fault or 404)
        content = self.server.files[path]
        start = (
            int(asked.removeprefix("bytes=").rstrip("-")) if asked and fault != "no ranges" else 0
        )
        self.send_response(206 if asked and fault != "no ranges" else 200)
        if asked and fault != "no ranges":
            first = start + (7 if fault == "other range" else 0)
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        body = content[start:] if fault != "longer" else content + b"more"
        body = body if fault != "changed" else bytes(len(body))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return None
        self.wfile.write(body[: len(body) // 2] if fault in ("cut", "stall") else body)
        if fault == "stall":
            self.wfile.flush()
            self.server.released.wait(20)
        return None

    def log_message(self, *_):
        pass

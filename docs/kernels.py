"""What two processes that run pages at once would fight for: ports of kernels, and the cache."""

import tempfile
from pathlib import Path
from typing import ClassVar

import jupyter_client
from jupyter_cache import get_cache
from sphinx.application import Sphinx
from traitlets import default


class FileKernels(jupyter_client.AsyncKernelManager):
    """Starts a kernel with sockets in a folder of its own."""

    transport: ClassVar[str] = "ipc"

    @default("ip")
    def _folder_of_sockets(self) -> str:
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        return str(Path(self._folder.name, "kernel"))


def listen_on_files() -> None:
    """Make the kernels that run the pages such kernels: MyST-NB leaves no choice of them."""
    jupyter_client.AsyncKernelManager = FileKernels


def create_cache(app: Sphinx) -> None:
    """Create the database of pages that ran: of two processes that find none, one would fail."""
    get_cache(app.config.nb_execution_cache_path).db.dispose()

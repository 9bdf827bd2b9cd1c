"""Kernels whose sockets are files: of two that start at once neither takes the other's port."""

import tempfile
from pathlib import Path
from typing import ClassVar

import jupyter_client
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

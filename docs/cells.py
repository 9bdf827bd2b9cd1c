"""The pages' code: when it is run again, and a check that a cell that draws shows a picture."""

import ast
import hashlib
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.util import logging

DRAWS = re.compile(r"\.plot\(|\bplot_\w+\(")
LOG = logging.getLogger(__name__)


def digest_of_library() -> str:
    """A name for the library as it is: results of cells are kept until it changes."""
    digest = hashlib.sha256()
    for path in sorted((Path(__file__).parents[1] / "src" / "halfspaces").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def check_pictures(app: Any, tree: nodes.document) -> None:
    """Warn of a cell that draws without a picture in its output, and say in words what others show.

    Warnings are errors.
    """
    for cell in tree.findall(nodes.container):
        if cell.get("nb_element") != "cell_code":
            continue
        code, *outputs = (block.astext() for block in cell.findall(nodes.literal_block))
        images = list(cell.findall(nodes.image))
        if DRAWS.search(code) and not images:
            LOG.warning("A cell draws, but shows no picture: %s", code, location=cell)
        said = [text for text in outputs if text.startswith(("'", '"'))]  # a Display's `alt`
        for image in images:
            image["alt"] = (
                ast.literal_eval(said[-1]) if said else "The picture that this code draws."
            )

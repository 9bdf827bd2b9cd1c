"""A check of the pages' code: a cell that draws shows a picture."""

import re
from typing import Any

from docutils import nodes
from sphinx.util import logging

DRAWS = re.compile(r"\.plot\(|\bplot_\w+\(")
LOG = logging.getLogger(__name__)


def check_pictures(app: Any, tree: nodes.document) -> None:
    """Warn of a cell that draws without a picture in its output; warnings are errors."""
    for cell in tree.findall(nodes.container):
        if cell.get("nb_element") != "cell_code":
            continue
        code = next(cell.findall(nodes.literal_block)).astext()
        if DRAWS.search(code) and not list(cell.findall(nodes.image)):
            LOG.warning("A cell draws, but shows no picture: %s", code, location=cell)

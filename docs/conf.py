"""The documentation site: `make docs` builds it, with warnings as errors.

Pages are Markdown (MyST). Those of `lecture/` hold code, which runs at every build
(MyST-NB). The reference is made of docstrings by `reference.py`.
"""

import importlib.metadata
import os
import sys
from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import cells  # noqa: E402
import docstrings  # noqa: E402
import formulas  # noqa: E402
import inventories  # noqa: E402
import kernels  # noqa: E402
import reference  # noqa: E402

# What the code of the pages prints must not depend on the machine's terminal.
os.environ |= {"COLUMNS": "100", "NO_COLOR": "1"}
kernels.listen_on_files()

project = "halfspaces"
author = "The halfspaces developers"
copyright = author
release = importlib.metadata.version("halfspaces").partition(".dev")[0]

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx.ext.napoleon",
]
root_doc = "index"
exclude_patterns = ["examples", "locales", "_build", "_templates"]
nitpicky = True
default_role = "code"

# --- pages ---------------------------------------------------------------------------------------

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
myst_url_schemes = ["http", "https", "mailto"]
nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE.parent / "build" / "notebooks" / cells.digest_of_library())
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_merge_streams = True

# --- the reference -------------------------------------------------------------------------------

autodoc_typehints = "none"  # the docstrings say types in words
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
napoleon_google_docstring = False
napoleon_use_param = False
napoleon_use_rtype = False
napoleon_custom_sections = [("Attributes", "params_style")]
intersphinx_mapping = inventories.write(HERE.parent / "build" / "inventories")

# --- languages -----------------------------------------------------------------------------------

locale_dirs = ["locales"]
gettext_compact = False
gettext_uuid = False
gettext_additional_targets = []

# --- looks ---------------------------------------------------------------------------------------

html_theme = "furo"
html_math_renderer = formulas.NAME
html_title = f"halfspaces {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_copy_source = False
templates_path = ["_templates"]
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/languages.html",
        "sidebar/scroll-end.html",
    ]
}


def setup(app: Sphinx) -> None:
    """Write the pages of the reference, and read docstrings as the project writes them."""
    reference.write(HERE / "reference")
    app.connect("builder-inited", kernels.create_cache)
    app.connect("doctree-read", cells.check_pictures)
    app.add_html_math_renderer(formulas.NAME, (formulas.inline, None), (formulas.block, None))
    app.connect("autodoc-skip-member", reference.is_of_another_library)
    app.connect("autodoc-process-bases", reference.documented_bases)
    app.connect("autodoc-process-docstring", docstrings.as_restructured_text, priority=100)
    app.connect("autodoc-process-docstring", docstrings.restore_property, priority=900)

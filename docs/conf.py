"""The site of the documentation: every page of ``docs/`` and the READMEs, built without a network.

The source folder is the project's, so a link between two pages is the same on the site and on a code host:
``sphinx-build -c docs -b html . build/docs``.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs" / "_ext")]

project = "sapi-broker"
language = "en"
html_show_copyright = False
root_doc = "docs/index"
extensions = ["myst_parser", "korean"]
include_patterns = ["README.md", "README.ko.md", "CHANGELOG.md", "docs/**.md", "examples/README.md"]
exclude_patterns = [
    ".*",
    "bench",
    "broker_*",
    "build",
    "dist",
    "docker",
    "requirements",
    "scripts",
    "tests",
    "docs/_*",
]

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4

html_theme = "furo"
html_title = "sapi-broker"
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_additional_pages = {"index": "to_front_page.html"}
templates_path = ["_templates"]
html_copy_source = False
html_show_sphinx = False
html_use_index = False

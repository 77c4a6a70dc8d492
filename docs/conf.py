# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Sphinx: the guide and the interface of Python; rosdoc2 reads this, too.

``sphinx-build -W -b html docs OUTPUT`` (requirements/docs.txt) needs no ROS.
"""

from __future__ import annotations

from pathlib import Path
import re
import sys
from typing import Any
from xml.etree import ElementTree

# rosdoc2 copies the pages elsewhere, runs this there, and has the package's folder in sys.path.
ROOT = next(folder for folder in (Path(each).resolve() for each in (
    Path(__file__).parent.parent, *sys.path)) if (folder / 'package.xml').is_file())
sys.path.insert(0, str(ROOT))
MANIFEST = ElementTree.parse(ROOT / 'package.xml').getroot()
REPOSITORY = MANIFEST.findtext("url[@type='repository']")

project = MANIFEST.findtext('name')
version = release = MANIFEST.findtext('version')
author = MANIFEST.findtext('author')
project_copyright = f'2026, {author}'

extensions = ['myst_parser', 'sphinx.ext.autodoc']
myst_heading_anchors = 4  # links to headings, as in a repository's pages
suppress_warnings = ['misc.highlighting_failure']  # a drawing (mermaid) is shown as its text
autodoc_member_order = 'bysource'
autodoc_typehints = 'signature'
# What rosdoc2 puts beside the pages is about the same, with links that lead nowhere there.
exclude_patterns = ['__*', 'README.md', 'CONTRIBUTING.md', 'QUALITY_DECLARATION.md',
                    'CHANGELOG.rst', 'LICENSE*', 'quality/*']


def setup(app: Any) -> None:
    """Have pages be what they are in the repository."""
    app.connect('source-read', lambda _app, name, text: adapt(name, text))


def adapt(name: str, text: list[str]) -> None:
    """
    Have links that leave the pages lead to the repository, and one page be README.md.

    :param name: name of the page
    :param text: the page, as Sphinx gives it to its listeners; changed in place
    """
    elsewhere = f'{REPOSITORY}/blob/main/'
    if name == 'start':
        text[0] = (ROOT / 'README.md').read_text(encoding='utf-8')
        text[0] = re.sub(r'\]\((?!https?:|#|docs/)', f']({elsewhere}', text[0])
        text[0] = text[0].replace('](docs/', '](')
    text[0] = re.sub(r'\]\(\.\./', f']({elsewhere}', text[0])

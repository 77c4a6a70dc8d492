#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Print the addresses in the manifests of all packages, or set them: the one place they are set from.

    python3 .ci/addresses.py                          # prints them; fails where they differ
    python3 .ci/addresses.py REPOSITORY MAINTAINER    # sets them everywhere

REPOSITORY is the address of the repository in a browser, without a slash at its end, and
MAINTAINER an address of e-mail. setup.py takes what it has of them from package.xml.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
import re
import sys

__all__ = ['main']

_ROOT = Path(__file__).resolve().parents[1]
_MANIFESTS = ('package.xml', 'hw_accel/package.xml', 'interfaces/package.xml')
#: What stands before an address, what it is, and what is after it.
_PATTERNS = {
    'maintainer': re.compile('(<maintainer email=")([^"]+)(">)'),
    'website': re.compile('(<url type="website">)([^<]+)(</url>)'),
    'repository': re.compile('(<url type="repository">)([^<]+)(</url>)'),
    'bugtracker': re.compile('(<url type="bugtracker">)([^<]+)(</url>)')}


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; returns 1 where the manifests differ."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n', 1)[0])
    parser.add_argument('repository', nargs='?', help='such as https://github.com/OWNER/NAME')
    parser.add_argument('maintainer', nargs='?', help='such as somebody@example.org')
    parser.add_argument('--root', type=Path, default=_ROOT, help='folder of the repository')
    given = parser.parse_args(arguments)
    if given.repository:
        if not re.fullmatch(r'https://[^\s/]+/\S*[^\s/]', given.repository):
            parser.error(f'{given.repository!r} is no address of a repository: it begins with '
                         'https:// and ends without a slash')
        if not re.fullmatch(r'[^\s@<>"]+@[^\s@<>"]+', given.maintainer or ''):
            parser.error(f'{given.maintainer!r} is no address of e-mail')
        _set(given.root, {
            'maintainer': given.maintainer, 'website': given.repository,
            'repository': given.repository, 'bugtracker': f'{given.repository}/issues'})
    found = {name: _read(given.root / name) for name in _MANIFESTS}
    for name, addresses in found.items():
        print(f'{name}: {", ".join(f"{kind} {each}" for kind, each in addresses.items())}')
    if len({tuple(addresses.values()) for addresses in found.values()}) > 1:
        print('The manifests differ: set all of them', file=sys.stderr)
        return 1
    return 0


def _read(manifest: Path) -> dict[str, str]:
    text = manifest.read_text()
    return {kind: ' '.join(each[1] for each in pattern.findall(text))
            for kind, pattern in _PATTERNS.items()}


def _set(root: Path, addresses: dict[str, str]) -> None:
    for name in _MANIFESTS:
        text = (root / name).read_text()
        for kind, address in addresses.items():
            text = _PATTERNS[kind].sub(rf'\g<1>{address}\g<3>', text)
        (root / name).write_text(text)


if __name__ == '__main__':
    sys.exit(main())

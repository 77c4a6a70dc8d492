# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Print what the dependencies of the packages are in each distribution; rosdep_keys.py ROSDISTRO.

ROSDISTRO is a folder with the files of https://github.com/ros/rosdistro: ``rosdep/base.yaml``,
``rosdep/python.yaml`` and ``DISTRIBUTION/distribution.yaml``. Ends with exit code 1 where a key is
neither a released package of a distribution nor one that rosdep knows for its Ubuntu.
"""

from __future__ import annotations

from pathlib import Path
import sys
from typing import Any
from xml.etree import ElementTree

import yaml

ROOT = Path(__file__).resolve().parent.parent
#: Folders of the packages.
PACKAGES = ('.', 'hw_accel', 'interfaces')
#: The Ubuntu that the packages of a distribution are built for (REP 2000).
UBUNTU = {'humble': 'jammy', 'jazzy': 'noble', 'kilted': 'noble', 'lyrical': 'resolute'}


def keys_of(manifest: Path) -> set[str]:
    """Return the keys of a package.xml that others have to provide."""
    tree = ElementTree.parse(manifest).getroot()
    return {each.text.strip() for each in tree if each.tag.endswith('depend') and each.text}


def released(distribution: dict[str, Any]) -> set[str]:
    """Return the packages that are released in a distribution."""
    return {package for name, repository in distribution['repositories'].items()
            if 'version' in repository.get('release', {})
            for package in repository['release'].get('packages', [name])}


def resolved(rule: Any, codename: str) -> str:
    """Return the Debian packages by a rule of rosdep for Ubuntu, '' where it has none."""
    if isinstance(rule, dict):
        rule = rule.get(codename, rule.get('*', rule if 'apt' in rule or 'pip' in rule else None))
    if isinstance(rule, dict):
        rule = next((f'pip: {", ".join(one["packages"])}' if kind == 'pip' else one['packages']
                     for kind, one in rule.items() if kind in {'apt', 'pip'}), None)
    return ', '.join(rule) if isinstance(rule, list) else str(rule or '')


def main(folder: Path) -> int:
    """Print the table; returns 1 if a key is unknown."""
    def read(name: str) -> dict[str, Any]:
        return yaml.load((folder / name).read_text(encoding='utf-8'), Loader=LOADER) or {}

    rules = {**read('rosdep/base.yaml'), **read('rosdep/python.yaml')}
    packages = {name: released(read(f'{name}/distribution.yaml')) for name in UBUNTU}
    own = {ElementTree.parse(ROOT / each / 'package.xml').getroot().findtext('name')
           for each in PACKAGES}
    keys = sorted(set().union(*(keys_of(ROOT / each / 'package.xml') for each in PACKAGES)) - own)
    print('| Key |', ' | '.join(f'{name.title()}, {UBUNTU[name]}' for name in UBUNTU), '|\n|',
          ' | '.join(['---'] * (1 + len(UBUNTU))), '|')
    known, ros = True, []
    for key in keys:
        found = ['a ROS package' if key in packages[name]
                 else resolved(rules.get(key, {}).get('ubuntu'), UBUNTU[name]) for name in UBUNTU]
        known = known and all(found)
        if set(found) == {'a ROS package'}:
            ros.append(f'`{key}`')
        else:
            print(f'| `{key}` |', ' | '.join(each or '**unknown**' for each in found), '|')
    print(f'\nReleased in all of them: {", ".join(ros)}.')
    return int(not known)


#: The one that is written in C takes seconds for these files, where the other takes a minute.
LOADER = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)

if __name__ == '__main__':
    sys.exit(main(Path(sys.argv[1])))

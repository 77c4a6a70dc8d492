# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The tool that compares what the package uses with the rclpy of several distributions."""

from __future__ import annotations

import importlib.util
from pathlib import Path
import sys
from types import ModuleType
from typing import Any

import pytest

PACKAGE = """
import time

from rclpy.node import Node
try:
    from rclpy.event_handler import Events
except ImportError:
    from rclpy.qos_event import Events
import rclpy

class Mine(Node):
    def __init__(self):
        super().__init__('name')
        self.create_publisher(int, 'topic', qos_profile=1)
        time.sleep(1)
        self.own = self.own_method()
        if (new := getattr(self, 'new_method', None)) is not None:
            new()
        self.count_subscribers('topic')

    def own_method(self):
        return 1

rclpy.init()
Events(matched=1) if 'matched' in dir(Events) else Events()
"""
NEW = {
    '__init__.py': 'def init(): ...',
    'executors.py': '',
    'event_handler.py': 'class Events:\n    def __init__(self, *, matched=None): ...',
    'node.py': """
class Node:
    def create_publisher(self, kind, topic, qos_profile, *, events=None): ...
    def count_subscribers(self, topic): ...
    def new_method(self): ...
    def sleep(self): ...
    def own_method(self, argument): ...
"""}
OLD = {
    '__init__.py': 'def init(): ...',
    'executors.py': '',
    'qos_event.py': 'class Events:\n    def __init__(self): ...',
    'node.py': """
class Node:
    def create_publisher(self, kind, topic, qos_profile): ...
    def count_subscribers(self, topic): ...
    def sleep(self): ...
"""}


@pytest.fixture(scope='module')
def tool(repository: Path) -> ModuleType:
    path = repository / '.ci' / 'rclpy_names.py'
    spec = importlib.util.spec_from_file_location('rclpy_names', path)
    module = importlib.util.module_from_spec(spec)
    sys.modules['rclpy_names'] = module  # where dataclasses look for their types
    spec.loader.exec_module(module)
    return module


def compared(tool: ModuleType, folder: Path, **trees: dict[str, str]) -> dict[str, Any]:
    """Return what each tree lacks, and what is done without."""
    for name, files in {**trees, 'package': {'mine.py': PACKAGE}}.items():
        (folder / name / 'rclpy').mkdir(parents=True)
        for file, text in files.items():
            (folder / name / ('' if name == 'package' else 'rclpy') / file).write_text(text)
    read = {name: tool.read_tree(folder / name) for name in trees}
    uses = tool.read_uses([folder / 'package' / 'mine.py'], folder / 'package')
    names, calls = tool.known_to(read, uses)
    return {name: (tool.missing_in(tree, uses, names, calls),
                   tool.without(tree, uses, names, calls)) for name, tree in read.items()}


def test_what_is_asked_for_or_imported_otherwise_may_be_missing(
        tool: ModuleType, tmp_path: Path) -> None:
    found = compared(tool, tmp_path, new=NEW, old=OLD)
    assert found == {'new': ([], []), 'old': ([], [
        '`Events(matched)`', '`new_method`', '`rclpy.event_handler.Events`'])}


@pytest.mark.parametrize(('file', 'text', 'missing'), [
    ('__init__.py', '', 'mine.py:24: from rclpy import init'),
    ('event_handler.py', '', 'mine.py:5: from rclpy.event_handler import Events'),
    ('node.py', OLD['node.py'].replace('count_', 'get_'),
     'mine.py:19: count_subscribers'),
    ('node.py', OLD['node.py'].replace('qos_profile', 'qos'),
     'mine.py:14: create_publisher(...), 2 arguments and qos_profile'),
    ('node.py', OLD['node.py'].replace('kind, topic, ', '*, '),
     'mine.py:14: create_publisher(...), 2 arguments and qos_profile')])
def test_what_is_missing_is_named_with_its_place(tool: ModuleType, tmp_path: Path, file: str,
                                                 text: str, missing: str) -> None:
    found = compared(tool, tmp_path, new=NEW, changed={**NEW, file: text})
    assert found['new'] == ([], [])
    assert found['changed'][0] == [missing]


def test_a_folder_without_rclpy_is_refused(tool: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match='has no rclpy: it needs to be the folder'):
        tool.read_tree(tmp_path)


@pytest.mark.ros
def test_the_installed_rclpy_has_all(tool: ModuleType, capsys: pytest.CaptureFixture) -> None:
    folder = Path(importlib.util.find_spec('rclpy').origin).parent
    assert tool.main([f'installed={folder}']) == 0, capsys.readouterr().out

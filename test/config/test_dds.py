# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The DDS profiles are read without an error, and bring large images through."""

from __future__ import annotations

import argparse
from pathlib import Path
import runpy
import shutil
from typing import Any
from xml.etree import ElementTree

import pytest

FOLDER = Path(__file__).parents[2] / 'config' / 'dds'
#: The variable up to Jazzy, and after.
NEWER = 'FASTDDS_DEFAULT_PROFILES_FILE'
OLDER = 'FASTRTPS_DEFAULT_PROFILES_FILE'
IMAGE_BYTES = 2048 * 1536 * 3


@pytest.fixture
def loss(repository: Path) -> dict[str, Any]:
    """Return what the measurement of lost images defines."""
    return runpy.run_path(str(repository / 'test' / 'benchmark' / 'image_loss.py'))


@pytest.mark.ros
@pytest.mark.parametrize('profile', ['fastdds_large_images.xml', 'fastdds_one_machine.xml'])
def test_large_images_come_through_best_effort(
        profile: str, loss: dict[str, Any], ros_domain_id: int,
        capfd: pytest.CaptureFixture[str]) -> None:
    arguments = argparse.Namespace(images=4, domain=ros_domain_id, size=(2048, 1536))
    variables = {name: str(FOLDER / profile) for name in (OLDER, NEWER)}
    result = loss['measure'](variables, 'BEST_EFFORT', 5, 4.0, arguments)
    said = capfd.readouterr()
    assert 'XMLPARSER' not in said.out + said.err.replace(OLDER, '')
    segments = 2 * int(segment_bytes(profile))
    if shutil.disk_usage('/dev/shm').free > 2 * segments:  # a container may have little
        assert result.startswith('0/4'), result


def segment_bytes(profile: str) -> str:
    """Return the size of the shared-memory segment in a profile."""
    value = ElementTree.parse(FOLDER / profile).findtext('.//{*}segment_size')
    assert value is not None
    return value


@pytest.mark.parametrize('profile', ['fastdds_large_images.xml', 'fastdds_one_machine.xml'])
def test_a_segment_has_room_for_several_images(profile: str) -> None:
    assert int(segment_bytes(profile)) > 4 * IMAGE_BYTES
    largest = ElementTree.parse(FOLDER / profile).findtext('.//{*}maxMessageSize')
    assert largest is None or IMAGE_BYTES < int(largest) < int(segment_bytes(profile))


def test_the_page_says_what_linux_must_allow_for_the_sockets(repository: Path) -> None:
    profile = ElementTree.parse(FOLDER / 'fastdds_several_hosts.xml')
    page = (repository / 'docs' / 'hosts.md').read_text()
    for element, setting in (('receiveBufferSize', 'rmem_max'), ('sendBufferSize', 'wmem_max')):
        size = profile.findtext(f'.//{{*}}{element}') or '0'
        assert int(size) >= 4 << 20  # most of an image: its fragments come in one burst
        assert f'net.core.{setting}={size}' in page


def test_the_launch_files_name_a_profile_that_is_there(repository: Path) -> None:
    named = [name for path in (repository / 'launch').glob('*.launch.py')
             for name in [each.name for each in FOLDER.iterdir()] if name in path.read_text()]
    assert set(named) == {'fastdds_large_images.xml'}


def test_every_profile_is_explained(repository: Path) -> None:
    text = (repository / 'docs' / 'dds.md').read_text()
    assert [path.name for path in FOLDER.iterdir() if f'`{path.name}`' not in text] == []

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which topics of a recording are images, focus positions and camera infos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from focus_stacking_ros.commands.bag.recording import RecordingError

__all__ = ['Chosen', 'chosen_topics']

_RAW, _COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
_INFO = 'sensor_msgs/msg/CameraInfo'
#: What the stacking node publishes itself, which a recording may hold as well.
_OURS = tuple(f'/{name}' for name in (
    'all_in_focus/image', 'all_in_focus/preview', 'depth/image', 'depth/preview',
    'depth_std/image', 'confidence/image', 'confidence/preview', 'height/image',
    'slice_index/image', 'slice_index/preview', 'valid/image',
    *(f'all_in_focus/light_{light}/image' for light in range(1, 16))))


@dataclass(frozen=True)
class Chosen:
    """
    Topics of a recording.

    :param image: of the images, raw or compressed
    :param camera_info: '' where there is none
    :param focus: topic of the recording by the name that the node subscribes it by
    """

    image: str
    camera_info: str
    focus: Mapping[str, str]


def chosen_topics(topics: Mapping[str, str], wanted: Mapping[str, str], *, image: str = '',
                  camera_info: str = '', focus: str = '') -> Chosen:
    """
    Return the topics to read: those that are named, else those whose type leaves no choice.

    :param topics: type by topic of the recording
    :param wanted: type by name of the topics that tell the focus position
    :param image: topic of the images, '' to find it
    :param camera_info: topic of the camera infos, '' to find it
    :param focus: topic of the focus positions, '' to find it
    :raises RecordingError: one is missing, or there are several to choose from
    """
    images = {name for name, kind in topics.items() if kind in (_RAW, _COMPRESSED)
              and not name.removesuffix('/compressed').endswith(_OURS)
              and not name.endswith('/compressedDepth')}
    # A compressed twin says nothing that its raw one does not.
    images -= {f'{name}/compressed' for name in images}
    pictures = _one('images', '--image', image, images, topics, (_RAW, _COMPRESSED))
    tags = {name: _one('focus positions', '--focus', focus, {
        each for each, of_it in topics.items() if of_it == kind}, topics, (kind,), name)
        for name, kind in wanted.items()}
    if not camera_info:
        beside = f'{pictures.removesuffix("/compressed").rpartition("/")[0]}/camera_info'
        infos = [name for name, kind in topics.items() if kind == _INFO]
        camera_info = beside if topics.get(beside) == _INFO else infos[0] if len(
            infos) == 1 else ''
    else:
        _one('camera infos', '--camera-info', camera_info, set(), topics, (_INFO,))
    return Chosen(pictures, camera_info, tags)


def _one(what: str, flag: str, named: str, candidates: set[str], topics: Mapping[str, str],
         kinds: tuple[str, ...], usual: str = '') -> str:
    """Return the named topic, the one that ends as usual, or the only candidate."""
    if named:
        if topics.get(named) not in kinds:
            there = f'is of {topics[named]}' if named in topics else 'is not in the recording'
            raise RecordingError(f'{flag} {named}: the topic {there}; {what} are of '
                                 f'{" or ".join(kinds)}; there are: {_listed(topics)}')
        return named
    alike = [name for name in candidates if usual and name.endswith(f'/{usual.lstrip("/")}')]
    if len(alike) == 1:
        return alike[0]
    if len(candidates) == 1:
        return next(iter(candidates))
    if not candidates:
        raise RecordingError(f'the recording has no {what} ({" or ".join(kinds)}); there are: '
                             f'{_listed(topics)}')
    raise RecordingError(f'several topics may be the {what}: {", ".join(sorted(candidates))}; '
                         f'name one by {flag}')


def _listed(topics: Mapping[str, str]) -> str:
    return ', '.join(f'{name} ({kind})' for name, kind in sorted(topics.items())) or 'none'

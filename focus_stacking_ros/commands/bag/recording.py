# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A recording by rosbag2: its topics and its messages in the order they were recorded in."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from focus_stacking_ros.commands.errors import CommandError
from focus_stacking_ros.core.files.folder import natural_order

__all__ = ['RECORDING_SUFFIXES', 'Recorded', 'Recording', 'RecordingError', 'open_recording',
           'storage_files']

#: Files that recordings consist of.
RECORDING_SUFFIXES = ('.mcap', '.db3')


class RecordingError(CommandError):
    """A recording cannot be read; the message says why and what to do."""


@dataclass(frozen=True)
class Recorded:
    """
    A message of a recording.

    :param topic: its full name
    :param time_ns: when it was recorded, nanoseconds since the epoch
    :param message: its fields, as those of the class of the message
    """

    topic: str
    time_ns: int
    message: Any


class Recording(Protocol):
    """What is known of a recording; sound ones and damaged ones look alike."""

    @property
    def topics(self) -> Mapping[str, str]:
        """Return the name of the message type of each topic."""

    @property
    def problems(self) -> list[str]:
        """Return what could not be read so far, in sentences."""

    def messages(self, topics: Collection[str]) -> Iterator[Recorded]:
        """Yield the messages of topics; what is damaged is left out, and told in `problems`."""


def storage_files(path: Path) -> list[Path]:
    """
    Return the files of a recording, in their order.

    :param path: a folder as rosbag2 makes it, or one file
    :raises RecordingError: there is none
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise RecordingError(f'{path}: there is no such recording')
    files = natural_order([
        each for each in path.iterdir() if each.suffix in RECORDING_SUFFIXES])
    if not files:
        raise RecordingError(f'{path}: it holds no {" or ".join(RECORDING_SUFFIXES)} file, so it '
                             'is no recording of rosbag2')
    return files


def open_recording(path: Path) -> Recording:
    """
    Open a recording with rosbag2_py where that is installed, else with the rosbags library.

    What these do not open, as a recording that was cut, is read as far as it is whole.

    :param path: a folder as rosbag2 makes it, or one .mcap or .db3 file
    :raises RecordingError: it is none, nothing of it can be read, or nothing here can read it
    """
    # Imported here: neither reader is needed by who has the other one.
    files = storage_files(path)
    problem = ''
    if find_spec('rosbag2_py') is not None:
        from focus_stacking_ros.commands.bag.rosbag2_recording import Rosbag2Recording
        try:
            return Rosbag2Recording(path)
        except RecordingError as error:
            problem = str(error)
    elif find_spec('rosbags') is not None:
        from focus_stacking_ros.commands.bag.rosbags_recording import RosbagsRecording
        try:
            return RosbagsRecording(path)
        except RecordingError as error:
            problem = str(error)
    else:
        raise RecordingError('recordings take rosbag2_py, which comes with ROS 2 (package '
                             'rosbag2), or the rosbags library (pip install rosbags)')
    from focus_stacking_ros.commands.bag.salvaged_recording import SalvagedRecording
    return SalvagedRecording(files, [problem])

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is whole of a recording that was cut or damaged, without its index."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
import shutil
import sqlite3
import tempfile
from typing import Any

from focus_stacking_ros.commands.bag.recording import Recorded, RecordingError, storage_files
from focus_stacking_ros.ros.messages.message_types import message_type

__all__ = ['SalvagedRecording', 'salvaged_rest']

_SQLITE_HEADER = 100  # bytes; see sqlite.org/fileformat2.html, section 1.3
_Raw = tuple[str, str, int, bytes]  # topic, type, nanoseconds, serialised message


class SalvagedRecording:
    """
    See `commands.bag.recording.Recording`.

    MCAP is read record by record, without the index at its end; a chunk whose checksum is wrong is
    left out. SQLite is read row by row to where the file ends.

    :param files: of the recording
    :param problems: what is known to be wrong with it
    :raises RecordingError: not one message can be read
    """

    def __init__(self, files: Sequence[Path], problems: Sequence[str]) -> None:
        self._files = files
        self.problems = [each for each in problems if each]
        known = list(self.problems)
        self.topics: Mapping[str, str] = {
            topic: kind for topic, kind, _, _ in self._raw()}
        if not self.topics:
            raise RecordingError('; '.join([*known, 'nothing of it can be read']))
        self.problems = known  # told when the messages are read

    def messages(self, topics: Collection[str]) -> Iterator[Recorded]:
        """Yield the messages of topics."""
        decode = _decoder()
        for topic, kind, time_ns, data in self._raw():
            if topic not in topics:
                continue
            try:
                message = decode(data, kind)
            except Exception as error:  # whatever bytes make a decoder raise
                self._note(f'a message of {topic} cannot be read: {error}')
                continue
            yield Recorded(topic, time_ns, message)

    def _raw(self) -> Iterator[_Raw]:
        for file in self._files:
            count = 0
            try:
                for each in _of_sqlite(file) if file.suffix == '.db3' else self._of_mcap(file):
                    count += 1
                    yield each
            except Exception as error:  # of SQLite, of records, of decompression
                self._note(f'{file.name} can be read up to message {count} only: {error}')

    def _of_mcap(self, file: Path) -> Iterator[_Raw]:
        if find_spec('mcap') is None:
            raise RecordingError('a damaged MCAP file takes the mcap library (pip install mcap)')
        from mcap.records import Channel, Chunk, Message, Schema
        from mcap.stream_reader import breakup_chunk, StreamReader
        schemas: dict[int, str] = {}
        channels: dict[int, tuple[str, str]] = {}
        with file.open('rb') as stream:
            for outer in StreamReader(stream, emit_chunks=True).records:
                records = [outer]
                if isinstance(outer, Chunk):
                    try:
                        records = breakup_chunk(outer, validate_crc=True)
                    except Exception as error:  # of decompression, of the checksum
                        self._note(f'a chunk of {file.name} is damaged and left out: {error}')
                        continue
                for record in records:
                    if isinstance(record, Schema):
                        schemas[record.id] = record.name
                    elif isinstance(record, Channel):
                        channels[record.id] = record.topic, schemas.get(record.schema_id, '')
                    elif isinstance(record, Message) and record.channel_id in channels:
                        yield (*channels[record.channel_id], record.log_time, record.data)

    def _note(self, words: str) -> None:
        if words not in self.problems:
            self.problems.append(words)


def salvaged_rest(path: Path, error: Exception, topics: Collection[str],
                  seen: Collection[tuple[str, int]], problems: list[str]) -> Iterator[Recorded]:
    """
    Yield what a reader has not given before it failed.

    :param path: of the recording
    :param error: why it failed
    :param topics: whose messages are wanted
    :param seen: topic and time of the messages that it gave
    :param problems: what could not be read is added to it
    :raises RecordingError: not one message can be read
    """
    rest = SalvagedRecording(storage_files(path), [
        f'{path}: it is damaged or incomplete: {error}'])
    yield from (each for each in rest.messages(topics)
                if (each.topic, each.time_ns) not in seen)
    problems += rest.problems


def _of_sqlite(file: Path) -> Iterator[_Raw]:
    with _completed_copy(file) as copy:
        database = sqlite3.connect(copy)
        try:
            topics = {number: (name, kind) for number, name, kind in database.execute(
                'SELECT id, name, type FROM topics')}
            # In the order of the rows: the index by time is at the end, which may be missing.
            for number, time_ns, data in database.execute(
                    'SELECT topic_id, timestamp, data FROM messages ORDER BY id'):
                if number in topics:
                    yield (*topics[number], time_ns, data)
        finally:
            database.close()


@contextmanager
def _completed_copy(file: Path) -> Iterator[Path]:
    """Yield a copy of a database as long as its header says: SQLite opens no shorter one."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / file.name
        shutil.copyfile(file, copy)
        log = file.with_name(f'{file.name}-wal')
        if log.is_file():  # what a recorder that was killed had not put in its place
            shutil.copyfile(log, copy.with_name(log.name))
        with copy.open('r+b') as stream:
            head = stream.read(_SQLITE_HEADER)
            if len(head) == _SQLITE_HEADER and head.startswith(b'SQLite format 3\0'):
                page = int.from_bytes(head[16:18], 'big')
                length = (65536 if page == 1 else page) * int.from_bytes(head[28:32], 'big')
                if length > copy.stat().st_size:
                    stream.truncate(length)
        yield copy


def _decoder() -> Any:
    """Return what makes a message of bytes and the name of its type."""
    if find_spec('rosbags') is not None:
        from rosbags.typesys import get_typestore, Stores
        store = get_typestore(Stores.ROS2_JAZZY)
        return store.deserialize_cdr
    from rclpy.serialization import deserialize_message
    return lambda data, kind: deserialize_message(data, message_type(kind))

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
A module that has what is used of rosbag2_py, and takes nothing that the real one refuses.

Names, order, types and defaults of arguments are those of the bindings in rosbag2_py/src; an
argument of another type is a TypeError, as pybind11 makes it. Reading and writing is by the
rosbags library.
"""

from __future__ import annotations

from importlib.machinery import ModuleSpec
from inspect import Parameter, Signature
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

__all__ = ['strict_rosbag2_py']


def _check(**arguments: tuple[Any, type]) -> None:
    for name, (value, kind) in arguments.items():
        if type(value) is not kind:
            raise TypeError(f'incompatible function arguments: {name} is {type(value).__name__}')


class StorageOptions:
    def __init__(self, uri: str, storage_id: str = '') -> None:
        _check(uri=(uri, str), storage_id=(storage_id, str))
        self.uri, self.storage_id = uri, storage_id


class ConverterOptions:
    def __init__(self, input_serialization_format: str = '',
                 output_serialization_format: str = '') -> None:
        _check(input_serialization_format=(input_serialization_format, str),
               output_serialization_format=(output_serialization_format, str))


class StorageFilter:
    def __init__(self, topics: list[str] | None = None) -> None:
        _check(topics=([] if topics is None else topics, list))
        self.topics = list(topics or [])


class _Described:
    """Takes the arguments that it names, by place or name, with these types and defaults."""

    arguments: ClassVar[dict[str, type]] = {}
    defaults: ClassVar[dict[str, Any]] = {}

    def __init__(self, *values: Any, **named: Any) -> None:
        bound = Signature([
            Parameter(name, Parameter.POSITIONAL_OR_KEYWORD,
                      default=self.defaults.get(name, Parameter.empty))
            for name in self.arguments]).bind(*values, **named)
        bound.apply_defaults()
        _check(**{name: (value, self.arguments[name]) for name, value in bound.arguments.items()})
        self.__dict__.update(bound.arguments)


class TopicMetadata(_Described):
    arguments: ClassVar = {'id': int, 'name': str, 'type': str, 'serialization_format': str}


class TopicMetadataOfHumble(_Described):
    arguments: ClassVar = {'name': str, 'type': str, 'serialization_format': str,
                           'offered_qos_profiles': str}
    defaults: ClassVar = {'offered_qos_profiles': ''}


class Reader:
    def opened(self, storage: StorageOptions, converter: ConverterOptions) -> None:
        from rosbags.highlevel import AnyReader
        _check(storage=(storage, StorageOptions), converter=(converter, ConverterOptions))
        try:
            self._reader = AnyReader([Path(storage.uri)])
            self._reader.open()
        except Exception as error:
            raise RuntimeError(f'No storage could be initialized from the inputs: {error}'
                               ) from error
        self._chosen = list(self._reader.connections)
        self._messages: Any = None
        self._next: Any = None

    def get_all_topics_and_types(self) -> list[TopicMetadata]:
        return [TopicMetadata(0, each.topic, each.msgtype, 'cdr')
                for each in self._reader.connections]

    def set_filter(self, storage_filter: StorageFilter) -> None:
        _check(storage_filter=(storage_filter, StorageFilter))
        self._chosen = [each for each in self._reader.connections
                        if each.topic in storage_filter.topics]

    def has_next(self) -> bool:
        if self._messages is None:
            self._messages = self._reader.messages(self._chosen)
        if self._next is None:
            self._next = next(self._messages, None)
        return self._next is not None

    def read_next(self) -> tuple[str, bytes, int]:
        if not self.has_next():
            raise RuntimeError('Bag is at end. No next message.')
        (connection, time_ns, data), self._next = self._next, None
        return connection.topic, bytes(data), time_ns


class Writer:
    def opened(self, storage: StorageOptions, converter: ConverterOptions) -> None:
        from rosbags.rosbag2 import StoragePlugin, Writer
        from rosbags.typesys import get_typestore, Stores
        _check(storage=(storage, StorageOptions), converter=(converter, ConverterOptions))
        if Path(storage.uri).exists():
            raise RuntimeError(f"Bag directory already exists ({storage.uri}), can't overwrite")
        self._types = get_typestore(Stores.ROS2_JAZZY)
        plugin = {'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}[storage.storage_id]
        self._writer: Any = Writer(Path(storage.uri), version=9, storage_plugin=plugin)
        self._writer.open()
        self._topics: dict[str, Any] = {}

    def create_topic(self, topic: Any) -> None:
        assert isinstance(topic, (TopicMetadata, TopicMetadataOfHumble))
        self._topics[topic.name] = self._writer.add_connection(topic.name, topic.type,
                                                               typestore=self._types)

    def write(self, topic_name: str, message: bytes, time_stamp: int) -> None:
        _check(topic_name=(topic_name, str), message=(message, bytes), time_stamp=(
            time_stamp, int))
        if topic_name not in self._topics:
            raise RuntimeError(f"Topic '{topic_name}' has not been created yet!")
        self._writer.write(self._topics[topic_name], time_stamp, message)

    def close(self) -> None:
        self._writer.close()


def strict_rosbag2_py(*, humble: bool = False) -> ModuleType:
    """
    Return the module.

    :param humble: whether topics are described as in Humble, and a writer closes with its end
    """
    module: Any = ModuleType('rosbag2_py')
    module.__spec__ = ModuleSpec('rosbag2_py', None)
    for kind in (StorageOptions, ConverterOptions, StorageFilter):
        setattr(module, kind.__name__, kind)

    class WriterOfHumble(Writer):
        def __getattribute__(self, name: str) -> Any:
            if name == 'close':
                raise AttributeError(name)
            return super().__getattribute__(name)

        def __del__(self) -> None:
            self._writer.close()

    for name, kind in (('SequentialReader', Reader),
                       ('SequentialWriter', WriterOfHumble if humble else Writer)):
        setattr(module, name, type(name, (kind,), {'open': kind.opened}))
    module.TopicMetadata = TopicMetadataOfHumble if humble else TopicMetadata
    return module

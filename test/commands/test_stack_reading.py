# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images of ``stack`` are read before they are asked for, and no more than are needed soon."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
import queue
import threading
from typing import Any

from focus_stacking_ros.commands import stack_reading
from focus_stacking_ros.commands.stack_reading import read_ahead
from focus_stacking_ros.core.files.decoded import Decoded
import numpy as np
import pytest

PATIENCE = 20  # seconds


@dataclass
class File:
    """A file of a stack; tells when it is read, which may have to wait."""

    number: int
    begun: queue.SimpleQueue[int]
    held: threading.Event
    focus_distance_m: float | None = None
    position: float = field(init=False)

    def __post_init__(self) -> None:
        self.position = float(self.number)

    def read(self) -> Decoded:
        """Return an image that says which file it is of."""
        self.begun.put(self.number)
        assert self.held.wait(PATIENCE)
        return Decoded(np.full((6, 8), self.number, np.uint8))


@pytest.fixture
def files() -> list[File]:
    begun: queue.SimpleQueue[int] = queue.SimpleQueue()
    held = threading.Event()
    held.set()
    return [File(number, begun, held) for number in range(8)]


def test_the_first_files_are_read_before_anybody_asks_then_one_ahead(files: list[File]) -> None:
    begun = files[0].begun
    with read_ahead(files, {}, '', None) as slices:
        assert [begun.get(timeout=PATIENCE) for _ in range(3)] == [0, 1, 2]
        for number in range(8):
            file, decoded, _ = next(slices)
            assert (file.number, decoded.image[0, 0]) == (number, number)
            if 2 <= number < 7:  # those that were read at first are used up
                assert begun.get(timeout=PATIENCE) == number + 1
            assert begun.empty()
        assert next(slices, None) is None


def test_who_stops_does_not_wait_for_files_that_nobody_wants(
        files: list[File], monkeypatch: pytest.MonkeyPatch) -> None:
    begun, held = files[0].begun, files[0].held
    held.clear()

    class Reader(ThreadPoolExecutor):
        def shutdown(self, *arguments: Any, **keywords: Any) -> None:
            held.set()  # what is read now may end, as nothing more is wanted
            super().shutdown(*arguments, **keywords)

    monkeypatch.setattr(stack_reading, 'ThreadPoolExecutor', Reader)
    with read_ahead(files, {}, '', None):
        assert begun.get(timeout=PATIENCE) == 0
    assert begun.empty()

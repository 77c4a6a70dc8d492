# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Files that come one by one, slowly, under other names at first, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from focus_stacking_ros.core.files.arrivals import arrivals
import pytest


class Camera:
    """A clock that a camera writes by: what is to happen at each tenth of a second."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        self.steps, self.now = list(steps), 0.0

    def clock(self) -> float:
        """Return the time, seconds."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass, and what happens meanwhile."""
        assert self.now < 60, 'it never ends'
        self.now += seconds
        if self.steps:
            self.steps.pop(0)()


def come(camera: Camera, folder: Path, count: int = 0, quiet: float = 1.0) -> list[str]:
    return [path.name for path in arrivals(folder, count, quiet, clock=camera.clock,
                                           sleep=camera.sleep)]


def nothing() -> None:
    pass


def test_files_are_taken_when_they_no_longer_grow(tmp_path) -> None:
    path = tmp_path / 'a.png'
    taken_at = []

    def grow() -> None:
        with path.open('ab') as file:
            file.write(b'x')
        taken_at.append('grown')

    camera = Camera(grow, grow, grow)
    for each in arrivals(tmp_path, 1, 1.0, clock=camera.clock, sleep=camera.sleep):
        assert each == path
        assert taken_at == ['grown'] * 3


def test_those_that_are_there_come_first_in_natural_order(tmp_path) -> None:
    for name in ('img_10.jpg', 'img_2.jpg', 'notes.txt', '.hidden.png'):
        (tmp_path / name).write_bytes(b'x')
    camera = Camera(*[nothing] * 3, lambda: (tmp_path / 'img_1.jpg').write_bytes(b'x'))
    assert come(camera, tmp_path) == ['img_2.jpg', 'img_10.jpg', 'img_1.jpg']


def test_a_number_ends_it_at_once(tmp_path) -> None:
    for number in range(5):
        (tmp_path / f'{number}.png').write_bytes(b'x')
    camera = Camera()
    assert len(come(camera, tmp_path, count=3, quiet=100.0)) == 3
    assert camera.now < 1


def test_before_the_first_one_it_waits_for_as_long_as_it_takes(tmp_path) -> None:
    folder = tmp_path / 'later'
    camera = Camera(*[nothing] * 100, folder.mkdir,
                    lambda: (folder / 'a.png').write_bytes(b'x'))
    assert come(camera, folder, quiet=0.5) == ['a.png']
    assert camera.now == pytest.approx(10.9, abs=0.3)


def test_a_temporary_name_is_not_waited_for(tmp_path) -> None:
    camera = Camera(lambda: (tmp_path / 'b.tmp.png').write_bytes(b''),
                    (tmp_path / 'b.tmp.png').unlink,
                    lambda: (tmp_path / 'a.png').write_bytes(b'x'))
    assert come(camera, tmp_path) == ['a.png']

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a demonstration tells of a growing stack, on a terminal and elsewhere."""

from __future__ import annotations

import io
import re
import sys

from focus_stacking_ros.commands.demo.growing_line import GrowingLine
import numpy as np
import pytest


class _Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: pytest.MonkeyPatch) -> _Terminal:
    """Return what standard error is from now on; pytest resets it before each test."""
    result = _Terminal()
    monkeypatch.setattr(sys, 'stderr', result)
    return result


@pytest.fixture(autouse=True)
def colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('TERM', 'xterm')
    monkeypatch.delenv('NO_COLOR', raising=False)


def test_elsewhere_some_slices_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    for expected in (3, 12, 40, 0):
        with GrowingLine(expected) as line:
            for _ in range(expected or 12):
                line.slice_came()
            line.picture_came(np.zeros((4, 4, 3), np.uint8))
    assert capsys.readouterr().err.splitlines() == [
        'slice 3 of 3, fusing', 'slice 5 of 12', 'slice 10 of 12', 'slice 12 of 12, fusing',
        'slice 10 of 40', 'slice 20 of 40', 'slice 30 of 40', 'slice 40 of 40, fusing',
        'slice 5', 'slice 10']


def test_a_terminal_shows_the_middle_of_the_picture_in_its_colours(
        monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    picture = np.zeros((30, 80, 3), np.uint8)
    picture[15, :40], picture[15, 40:] = (0, 0, 255), (255, 128, 0)  # red, then blue
    with GrowingLine(9) as line:
        line.slice_came()
        line.picture_came(picture)
        line.slice_came()
    *_, shown, after = screen.getvalue().split('\r\033[K')
    assert (shown[:12], after) == ('slice 2 of 9', '')
    colours = [int(number) for number in re.findall(r'\033\[48;5;(\d+)m ', shown)]
    assert colours == [16 + 36 * 5] * 20 + [16 + 6 * 3 + 5] * 20
    assert shown.endswith('\033[0m')


@pytest.mark.parametrize(('name', 'value'), [('NO_COLOR', '1'), ('TERM', 'dumb')])
def test_a_terminal_without_colours_shows_none(
        monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    screen = terminal(monkeypatch)
    monkeypatch.setenv(name, value)
    with GrowingLine(9) as line:
        line.slice_came()
        line.picture_came(np.zeros((4, 4, 3), np.uint8))
    assert screen.getvalue() == '\r\033[Kslice 1 of 9\r\033[K'

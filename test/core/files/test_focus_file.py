# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""JSON files with focus distances: what is read and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

from focus_stacking_ros.core.files.focus_file import focus_distances_from
from helpers.image_data import refusal
import pytest


@pytest.mark.parametrize('values', [[], [1], [0.25, 0.3], [-1, 0, 1e300], [1e-320]])
@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16', 'utf-32'])
def test_focus_distances_are_read_as_floats(tmp_path: Path, values: list[float],
                                            encoding: str) -> None:
    path = tmp_path / 'meta.json'
    path.write_text(json.dumps({'scene': 'µ', 'focus_distances_m': values}, ensure_ascii=False),
                    encoding=encoding)
    result = focus_distances_from(path)
    assert result == values
    assert {type(item) for item in result} <= {float}


@pytest.mark.parametrize('number', ['Infinity', '1e999', '1' + '0' * 400, '1' + '0' * 5000])
def test_a_distance_beyond_all_numbers_is_infinite(tmp_path: Path, number: str) -> None:
    path = tmp_path / 'meta.json'
    path.write_text(f'{{"focus_distances_m": [1, {number}, NaN]}}')
    one, infinite, nan = focus_distances_from(path)
    assert (one, infinite) == (1, math.inf)
    assert math.isnan(nan)


@pytest.mark.parametrize(('content', 'reason'), [
    *[(content, 'not JSON') for content in (
        b'', b'no json', b'{', b'{"focus_distances_m": [1, 2', b'{"focus_distances_m": [1,]}',
        b"{'focus_distances_m': [1]}", b'{"focus_distances_m": [1]} {}', b'\xff\xfe\x00',
        b'\x80\x81', b'{"focus_distances_m": [01]}', b'{"focus_distances_m": [0,1\n,,2]}')],
    *[(content, 'focus_distances_m with a list') for content in (
        b'null', b'3', b'"focus_distances_m"', b'[]', b'[0.1, 0.2]', b'["focus_distances_m"]',
        b'{}', b'{"focus_distances": [1]}', b'{"focus_distances_m": null}',
        b'{"focus_distances_m": 0.1}', b'{"focus_distances_m": "0.1,0.2"}',
        b'{"focus_distances_m": {"0": 1}}', b'{"focus_distances_m": ["0.1"]}',
        b'{"focus_distances_m": [0.1, null]}', b'{"focus_distances_m": [0.1, true]}',
        b'{"focus_distances_m": [[0.1, 0.2]]}', b'{"focus_distances_m": [0.1, {}]}',
        b'{"meta": {"focus_distances_m": [1]}}')],
    (b'[' * 200_000, 'not JSON')])
def test_malformed_focus_distances_are_refused(tmp_path: Path, content: bytes,
                                               reason: str) -> None:
    path = tmp_path / 'meta.json'
    path.write_bytes(content)
    assert reason in refusal(lambda: focus_distances_from(path), path)


def test_focus_distances_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    missing = tmp_path / 'missing.json'
    assert refusal(lambda: focus_distances_from(missing), missing).startswith('No such file')
    assert refusal(lambda: focus_distances_from(tmp_path), tmp_path).startswith('Is a directory')

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A mesh has the points that are known, no triangle over a hole, and faces the camera."""

from __future__ import annotations

from focus_stacking_ros.core.files.mesh import encode_ply
import numpy as np
import pytest


def read(data: bytes):
    """Return vertices, colours and triangles of a PLY file, read by its own header."""
    head, _, body = data.partition(b'end_header\n')
    counts = {words[1].decode(): int(words[2]) for words in (
        line.split() for line in head.split(b'\n')) if words[:1] == [b'element']}
    vertex = np.dtype([('at', '<f4', 3), ('colour', 'u1', 3)])
    vertices = np.frombuffer(body, vertex, counts['vertex'])
    faces = np.frombuffer(body[vertices.nbytes:], np.dtype([('count', 'u1'), ('to', '<i4', 3)]))
    assert len(faces) == counts['face']
    assert (faces['count'] == 3).all()
    return vertices['at'], vertices['colour'], faces['to']


def test_a_surface_with_a_hole() -> None:
    y, x = np.mgrid[:4, :5].astype(np.float32)
    points = np.stack([x, y, 1 + 0.1 * x], axis=2)
    points[1, 2] = np.nan
    colours = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    at, colour, to = read(encode_ply(points, colours))
    assert len(at) == 19
    assert len(to) == 2 * (12 - 4)
    np.testing.assert_array_equal(at, points[np.isfinite(points).all(axis=2)])
    np.testing.assert_array_equal(colour[0], [2, 1, 0])  # red first
    normals = np.cross(at[to[:, 1]] - at[to[:, 0]], at[to[:, 2]] - at[to[:, 0]])
    assert (normals[:, 2] < 0).all()  # towards the camera


@pytest.mark.parametrize('shape', [(1, 5), (3, 1)])
def test_a_line_of_points_has_no_triangles(shape) -> None:
    _, _, to = read(encode_ply(np.ones((*shape, 3), np.float32), np.ones((*shape, 3), np.uint8)))
    assert len(to) == 0


def test_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match='do not fit'):
        encode_ply(np.ones((3, 4, 3), np.float32), np.ones((4, 3, 3), np.uint8))

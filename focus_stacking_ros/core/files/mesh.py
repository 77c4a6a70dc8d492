# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A surface as a coloured mesh: binary PLY, which MeshLab and CloudCompare open."""

from __future__ import annotations

from focus_stacking_ros.core.slices import Image
import numpy as np
from numpy.typing import NDArray

__all__ = ['encode_ply']

_VERTEX = np.dtype([('x', '<f4'), ('y', '<f4'), ('z', '<f4'), ('red', 'u1'), ('green', 'u1'),
                    ('blue', 'u1')])
_FACE = np.dtype([('count', 'u1'), ('corners', '<i4', 3)])


def encode_ply(points_m: NDArray[np.float32], colours: Image) -> bytes:
    """
    Return a mesh of two triangles between every four neighbours that are all known.

    :param points_m: (H, W, 3) float32 x, y, z in metres, NaN where unknown: a hole
    :param colours: (H, W, 3) uint8 blue-green-red
    :raises ValueError: the sizes differ
    """
    if points_m.shape != colours.shape or points_m.shape[2:] != (3,):
        raise ValueError(f'points of {points_m.shape} do not fit colours of {colours.shape}')
    known = np.asarray(np.isfinite(points_m).all(axis=2), np.bool_)
    vertices = np.empty(int(known.sum()), _VERTEX)
    vertices['x'], vertices['y'], vertices['z'] = points_m[known].T
    vertices['blue'], vertices['green'], vertices['red'] = colours[known].T
    number = np.cumsum(known).reshape(known.shape).astype(np.int32) - 1
    whole = known[:-1, :-1] & known[:-1, 1:] & known[1:, :-1] & known[1:, 1:]
    corners = [number[:-1, :-1][whole], number[:-1, 1:][whole], number[1:, :-1][whole],
               number[1:, 1:][whole]]
    faces = np.empty(2 * int(whole.sum()), _FACE)
    faces['count'] = 3
    # Counter-clockwise for an eye at the camera, which looks along z with y down (REP-103).
    faces['corners'][0::2] = np.stack([corners[0], corners[2], corners[1]], axis=1)
    faces['corners'][1::2] = np.stack([corners[1], corners[2], corners[3]], axis=1)
    head = '\n'.join([
        'ply', 'format binary_little_endian 1.0', 'comment metres',
        f'element vertex {len(vertices)}', 'property float x', 'property float y',
        'property float z', 'property uchar red', 'property uchar green', 'property uchar blue',
        f'element face {len(faces)}', 'property list uchar int vertex_indices', 'end_header', ''])
    return head.encode() + vertices.tobytes() + faces.tobytes()

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which way a surface faces: a normal for each cell of a grid."""

from __future__ import annotations

from dataclasses import dataclass

from focus_stacking_ros.core.slices import FloatImage
import numpy as np
from numpy.typing import NDArray

__all__ = ['CELL_PX', 'MOST_COLUMNS', 'SurfaceNormals', 'surface_normals']

#: Side of a cell at least, pixels: windows of the focus measure let nearer pixels err alike.
CELL_PX = 16
#: Of cells at most, so that arrows stay apart.
MOST_COLUMNS = 64
_SURE = 0.5  # confidence from which a pixel counts
_FULL = 0.5  # share of a cell that must count
_MOST_BENT = 0.5  # what a plane may leave, by the spread of a cell: beyond, it faces anywhere


@dataclass(frozen=True)
class SurfaceNormals:
    """
    Places of a surface and which way it faces there, in the optical frame (REP-103).

    :param points_m: (n, 3) metres
    :param normals: (n, 3) of length 1, towards the camera
    """

    points_m: NDArray[np.float64]
    normals: NDArray[np.float64]


def surface_normals(depth_m: FloatImage, rays: NDArray[np.float32], confidence: FloatImage
                    ) -> SurfaceNormals:
    """
    Return the normals of the planes that fit the cells of a grid best.

    A plane a X + b Y + c Z = 1 is linear in what is measured: 1 / Z = a x + b y + c, with
    x = X / Z and y = Y / Z of a pixel's ray, and (a, b, c) is along its normal. A cell over an
    edge, of which a plane leaves too much, and one without enough confident pixels have none.

    :param depth_m: (H, W) float32 metres along Z, NaN where unknown
    :param rays: (H, W, 2) float32, where each pixel's ray meets the plane Z = 1; NaN where unknown
    :param confidence: (H, W) float32, 0 to 1
    """
    height, width = depth_m.shape
    cell = min(max(CELL_PX, -(-width // MOST_COLUMNS)), height, width)
    rows, columns = height // cell, width // cell

    def cells(plane: NDArray[np.generic]) -> NDArray[np.float64]:
        cut = plane[:rows * cell, :columns * cell].reshape(rows, cell, columns, cell)
        return cut.swapaxes(1, 2).reshape(rows * columns, cell * cell).astype(np.float64)

    x, y, depth = cells(rays[..., 0]), cells(rays[..., 1]), cells(depth_m)
    counts = np.isfinite(x + y) & (depth > 0) & (cells(confidence) >= _SURE)
    chosen = counts.mean(axis=1) >= _FULL
    x, y, depth, counts = x[chosen], y[chosen], depth[chosen], counts[chosen]
    number = np.maximum(counts.sum(axis=1, keepdims=True), 1)

    def centred(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        kept = np.where(counts, values, 0.0)
        middle = kept.sum(axis=1, keepdims=True) / number
        return np.where(counts, values - middle, 0.0), middle[:, 0]

    with np.errstate(divide='ignore', invalid='ignore'):
        (u, mean_x), (v, mean_y), (q, mean_q) = centred(x), centred(y), centred(1 / depth)
    uu, uv, vv = (u * u).sum(axis=1), (u * v).sum(axis=1), (v * v).sum(axis=1)
    uq, vq = (u * q).sum(axis=1), (v * q).sum(axis=1)
    spread = np.minimum(uu, vv)
    determinant = uu * vv - uv * uv
    flat = determinant > 1e-3 * spread * spread  # else what counts lies on a line
    divisor = np.where(flat, determinant, 1.0)
    a, b = (vv * uq - uv * vq) / divisor, (uu * vq - uv * uq) / divisor
    left = np.where(counts, q - a[:, None] * u - b[:, None] * v, 0.0)
    # In lengths on the surface: dZ = Z² d(1 / Z), dX = Z dx.
    bent = np.sqrt(np.square(left).sum(axis=1)) > _MOST_BENT * np.sqrt(spread) * mean_q
    kept = flat & ~bent & (mean_q > 0)
    directions = np.stack([a, b, mean_q - a * mean_x - b * mean_y], axis=1)[kept]
    points = (np.stack([mean_x, mean_y, np.ones(len(mean_x))], axis=1)[kept]
              / mean_q[kept, None])
    # a X + b Y + c Z = 1 > 0 on the plane, so the opposite way is towards the camera.
    return SurfaceNormals(points, -directions / np.linalg.norm(directions, axis=1, keepdims=True))

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How slices may differ in geometry: models of small motions and their parameters."""

from __future__ import annotations

from functools import lru_cache

from focus_stacking_ros.core.align.warping import identity, is_affine
from focus_stacking_ros.core.slices import FloatImage, Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['PARAMETERS', 'adjoints', 'all_parameters_of', 'generator', 'gradient_fields',
           'gradients_moved', 'moved', 'parameters_of', 'without_rotation']

#: Number of parameters of each model.
PARAMETERS = {
    'none': 0,
    'translation': 2,
    'rigid': 3,
    'scale': 3,
    'similarity': 4,
    'affine': 6,
    'projective': 8,
}


def gradient_fields(model: str, x: FloatImage, y: FloatImage, gradient_x: FloatImage,
                    gradient_y: FloatImage) -> list[FloatImage]:
    """Return the derivative of the grey values by each parameter of a model."""
    along_x, along_y = gradient_x * x, gradient_y * y
    fields = [gradient_x, gradient_y]
    if model in ('affine', 'projective'):
        fields += [along_x, gradient_x * y, gradient_y * x, along_y]
    if model == 'projective':
        radial = along_x + along_y
        fields += [radial * x, radial * y]
    if model in ('scale', 'similarity'):
        fields.append(along_x + along_y)
    if model in ('rigid', 'similarity'):
        fields.append(gradient_y * x - gradient_x * y)
    return fields


def generator(model: str, parameters: NDArray[np.float64], centre: tuple[float, float],
              unit: float) -> Transform:
    """
    Return the (3, 3) small change of a transform, to be added to the identity.

    :param model: a key of PARAMETERS
    :param parameters: (p,) shift in pixels, and whatever else the model has in pixels at a unit's
        distance from the centre
    :param centre: x and y of the image centre, pixels
    :param unit: pixels
    """
    change = np.zeros((2, 2))
    if model in ('affine', 'projective'):
        change[:] = parameters[2:6].reshape(2, 2)
    elif model in ('scale', 'similarity'):
        change += parameters[2] * np.eye(2)
    if model in ('rigid', 'similarity'):
        change += parameters[-1] * np.array([[0, -1], [1, 0]])
    result = np.zeros((3, 3))
    result[:2, :2] = change / unit
    result[:2, 2] = parameters[:2] - change @ np.asarray(centre) / unit
    if model == 'projective':  # the denominator about the centre: 1 - (p x + q y) / unit²
        bend = -parameters[6:8] / unit ** 2
        around = np.array([*bend, -bend @ np.asarray(centre)])
        result += np.outer([*centre, 1.0], around)
    return result


def parameters_of(model: str, change: Transform, centre: tuple[float, float],
                  unit: float) -> NDArray[np.float64]:
    """Return the (p,) parameters of a small change: the inverse of `generator`."""
    if model == 'projective':
        to_centre = identity()
        to_centre[:2, 2] = centre
        local = np.linalg.inv(to_centre) @ change @ to_centre
        local = local - local[2, 2] * identity()  # transforms are equal up to a factor
        return np.array([*local[:2, 2], *(local[:2, :2] * unit).ravel(),
                         *(-local[2, :2] * unit ** 2)])
    linear = change[:2, :2] * unit
    shift = change[:2, :2] @ np.asarray(centre) + change[:2, 2]
    if model == 'affine':
        return np.array([*shift, *linear.ravel()])
    scale, rotation = (linear[0, 0] + linear[1, 1]) / 2, (linear[1, 0] - linear[0, 1]) / 2
    rest = {'translation': [], 'scale': [scale], 'rigid': [rotation],
            'similarity': [scale, rotation]}[model]
    return np.array([*shift, *rest])


@lru_cache(64)
def _linear(model: str, centre: tuple[float, float], unit: float
            ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return `generator` of each parameter, (p, 3, 3), and `parameters_of` as a (p, 9) matrix."""
    changes = np.stack([generator(model, each, centre, unit)
                        for each in np.eye(PARAMETERS[model])])
    elements = np.eye(9).reshape(9, 3, 3)
    return changes, np.stack([parameters_of(model, each, centre, unit) for each in elements],
                             axis=1)


def all_parameters_of(model: str, changes: NDArray[np.float64], centre: tuple[float, float],
                      unit: float) -> NDArray[np.float64]:
    """Return `parameters_of` of each of (n, 3, 3) small changes, (n, p)."""
    return np.asarray(changes.reshape(-1, 9) @ _linear(model, centre, unit)[1].T, np.float64)


def adjoints(model: str, transforms: NDArray[np.float64], centre: tuple[float, float],
             unit: float) -> NDArray[np.float64]:
    """Return (n, p, p): changes in the first slice's grid -> in those of (n, 3, 3) transforms."""
    changes, elements = _linear(model, centre, unit)
    there = transforms[:, None] @ changes @ np.linalg.inv(transforms)[:, None]
    return np.asarray((there.reshape(*there.shape[:2], 9) @ elements.T).transpose(0, 2, 1),
                      np.float64)


def moved(transform: Transform, x: FloatImage, y: FloatImage) -> tuple[FloatImage, FloatImage]:
    """Return where a transform takes points, (N,) float32 x and y."""
    a = transform.astype(np.float32)
    u, v = a[0, 0] * x + a[0, 1] * y + a[0, 2], a[1, 0] * x + a[1, 1] * y + a[1, 2]
    if not is_affine(transform):
        below = 1 / (a[2, 0] * x + a[2, 1] * y + a[2, 2])
        u, v = u * below, v * below
    return u, v


def gradients_moved(transform: Transform, points: tuple[FloatImage, FloatImage],
                    places: tuple[FloatImage, FloatImage],
                    gradients: tuple[FloatImage, FloatImage]) -> tuple[FloatImage, FloatImage]:
    """
    Return an image's gradients in the grid that a transform starts from, by the chain rule.

    :param transform: to the pixel grid of the image
    :param points: x and y of the points
    :param places: where `moved` says they are in the image
    :param gradients: of the image there, along its own x and y
    """
    a, (along_u, along_v) = transform.astype(np.float32), gradients
    along_x = a[0, 0] * along_u + a[1, 0] * along_v
    along_y = a[0, 1] * along_u + a[1, 1] * along_v
    if not is_affine(transform):
        radial = places[0] * along_u + places[1] * along_v
        below = 1 / (a[2, 0] * points[0] + a[2, 1] * points[1] + a[2, 2])
        along_x = (along_x - a[2, 0] * radial) * below
        along_y = (along_y - a[2, 1] * radial) * below
    return along_x, along_y


def without_rotation(transform: Transform, shape: tuple[int, int]) -> tuple[Transform, float]:
    """Return the transform less its rotation, and that rotation's pixels at the corner."""
    scale = np.sqrt(abs(np.linalg.det(transform[:2, :2])))
    angle = np.arctan2(transform[1, 0] - transform[0, 1], transform[0, 0] + transform[1, 1])
    centre = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2])
    straight = identity()
    straight[:2, :2] *= scale
    straight[:2, 2] = transform[:2, :2] @ centre + transform[:2, 2] - scale * centre
    return straight, abs(float(angle)) * float(np.hypot(*centre))

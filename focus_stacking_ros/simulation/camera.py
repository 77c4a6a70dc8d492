# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A thin lens on a sensor, and the sweep of its focus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ['Sweep', 'ThinLens']


@dataclass(frozen=True)
class ThinLens:
    """
    A camera with an ideal thin lens.

    Distances are along the optical axis from the lens, towards the scene. The noise of a grey
    level x (0 to 255, in linear light) has the variance read_noise² + shot_noise² x / 255.

    :param focal_length_m: focal length in metres
    :param f_number: focal length over the diameter of the aperture
    :param pixel_pitch_m: distance of two pixels on the sensor in metres
    :param breathing: relative change of the magnification from the slice focused nearest to the
        one focused farthest, linear in dioptres: -0.05 means that the farthest shows everything
        5 % smaller. None: that of the thin lens, whose magnification follows its image distance;
        0: telecentric in image space
    :param field_curvature: by how much nearer than on its axis the lens focuses at half the width
        of the image from its centre, dioptres; grows with the square of the distance from there
    :param point_spread_px: standard deviation of the Gaussian that is left at best focus
        (diffraction, aberrations, the pixels' area), pixels
    :param read_noise: standard deviation of the noise of black, in 8-bit grey levels
    :param shot_noise: standard deviation of the photon noise of white, in 8-bit grey levels
    :param bit_depth: 8 or 16
    :param gamma: grey level = linear light to the power 1 / gamma; 1 is a linear camera
    :param jpeg_quality: 1 to 100: slices are what JPEG compression leaves of them, as from a
        phone; 0: not compressed. The truth never is
    :raises ValueError: for a value without physical meaning
    """

    focal_length_m: float = 0.05
    f_number: float = 4.0
    pixel_pitch_m: float = 6e-6
    breathing: float | None = None
    field_curvature: float = 0.0
    point_spread_px: float = 0.0
    read_noise: float = 0.0
    shot_noise: float = 0.0
    bit_depth: int = 8
    gamma: float = 2.2
    jpeg_quality: int = 0

    def __post_init__(self) -> None:
        for name in ('focal_length_m', 'f_number', 'pixel_pitch_m', 'gamma'):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f'{name} is {value}: it must be finite and positive')
        if not math.isfinite(self.field_curvature):
            raise ValueError(f'field_curvature is {self.field_curvature}: it must be finite')
        for name in ('point_spread_px', 'read_noise', 'shot_noise'):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f'{name} is {value}: it must be finite and not negative')
        if self.breathing is not None and not abs(self.breathing) < 1:
            raise ValueError(f'breathing is {self.breathing}: it must be between -1 and 1')
        if self.bit_depth not in {8, 16}:
            raise ValueError(f'bit_depth is {self.bit_depth}: it must be 8 or 16')
        if not 0 <= self.jpeg_quality <= (100 if self.bit_depth == 8 else 0):
            raise ValueError(f'jpeg_quality is {self.jpeg_quality}: it must be 0 to 100, and 0 '
                             'with 16 bit')

    @property
    def aperture_m(self) -> float:
        """Diameter of the aperture in metres."""
        return self.focal_length_m / self.f_number

    def image_distance_m(self, focus_distance_m: ArrayLike) -> NDArray[np.float64]:
        """
        Return the distance from the lens to the sensor in metres: 1/f = 1/s + 1/v.

        :param focus_distance_m: s, any shape, metres
        :raises ValueError: for a distance that is not farther than the focal length
        """
        distance = np.asarray(focus_distance_m, np.float64)
        if not np.all(distance > self.focal_length_m):
            raise ValueError('a thin lens focuses only beyond its focal length of '
                             f'{self.focal_length_m} m, not at {np.min(distance)} m')
        return self.focal_length_m * distance / (distance - self.focal_length_m)

    def signed_circle_of_confusion_px(
            self, focus_distance_m: ArrayLike, depth_m: ArrayLike) -> NDArray[np.float64]:
        """
        Return the diameter of the image of a point in pixels, negative in front of the focus.

        c = A f |z - s| / (z (s - f)) = A v |1/s - 1/z|: aperture A, focal length f, focus s,
        depth z, image distance v. Linear in dioptres. Source: M. Potmesil and I. Chakravarty,
        "A lens and aperture camera model for synthetic image generation", SIGGRAPH 1981,
        doi:10.1145/800224.806818.

        :param focus_distance_m: distance of the focal plane, metres
        :param depth_m: distance of the point, metres; broadcast with focus_distance_m
        """
        dioptres = 1 / np.asarray(focus_distance_m, np.float64) - 1 / np.asarray(depth_m)
        return (self.aperture_m * self.image_distance_m(focus_distance_m) * dioptres
                / self.pixel_pitch_m)

    def circle_of_confusion_px(
            self, focus_distance_m: ArrayLike, depth_m: ArrayLike) -> NDArray[np.float64]:
        """Return the diameter of the image of a point in pixels."""
        return np.abs(self.signed_circle_of_confusion_px(focus_distance_m, depth_m))

    def depth_of_field_m(self, focus_distance_m: float, circle_px: float = 1.0) -> float:
        """
        Return the length of the range in which points are sharp, in metres.

        :param focus_distance_m: distance of the focal plane, metres
        :param circle_px: the largest circle of confusion that counts as sharp, pixels
        """
        per_dioptre = (self.aperture_m * float(self.image_distance_m(focus_distance_m))
                       / self.pixel_pitch_m)
        centre, half = 1 / focus_distance_m, circle_px / per_dioptre
        return math.inf if half >= centre else 1 / (centre - half) - 1 / (centre + half)

    def magnifications(self, focus_distances_m: Sequence[float]) -> NDArray[np.float64]:
        """
        Return the magnification of every slice relative to the first, (n,).

        :param focus_distances_m: distances of the focal planes, metres, any order
        """
        distances = np.asarray(focus_distances_m, np.float64)
        if self.breathing is None:
            relative = self.image_distance_m(distances)
        else:
            dioptres = 1 / distances
            span = dioptres.max() - dioptres.min()
            relative = 1 + self.breathing * (dioptres.max() - dioptres) / (span or 1.0)
        return relative / relative[0]


@dataclass(frozen=True)
class Sweep:
    """
    A sweep of the focus, and what else changes meanwhile.

    :param focus_distances_m: distance of the focal plane of every slice, metres, in the order of
        exposure: near to far, far to near, any steps
    :param shake_px: standard deviation of each slice's shift along x and y, pixels
    :param rotation_rad: standard deviation of each slice's rotation about the image centre
    :param exposure_drift: relative change of brightness (linear light) from first to last slice
    :param exposure_flicker: standard deviation of the relative brightness of single slices
    :param white_balance_drift: relative change of red against blue from first to last slice
    :raises ValueError: for no distances or one that is not finite and positive
    """

    focus_distances_m: tuple[float, ...]
    shake_px: float = 0.0
    rotation_rad: float = 0.0
    exposure_drift: float = 0.0
    exposure_flicker: float = 0.0
    white_balance_drift: float = 0.0

    def __post_init__(self) -> None:
        distances = tuple(float(value) for value in self.focus_distances_m)
        object.__setattr__(self, 'focus_distances_m', distances)
        if not distances:
            raise ValueError('a sweep needs at least one focus distance')
        for value in distances:
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f'focus distance {value} m: it must be finite and positive')
        for name in ('shake_px', 'rotation_rad', 'exposure_flicker'):
            if not getattr(self, name) >= 0:
                raise ValueError(f'{name} is {getattr(self, name)}: it must not be negative')

    @classmethod
    def between(cls, first_m: float, last_m: float, count: int, *, unevenness: float = 0.0,
                seed: int = 0, shake_px: float = 0.0, rotation_rad: float = 0.0,
                exposure_drift: float = 0.0, exposure_flicker: float = 0.0,
                white_balance_drift: float = 0.0) -> Sweep:
        """
        Return a sweep from one distance to another, in equal steps of dioptres.

        Equal steps of dioptres are equal steps of blur.

        :param first_m: focus distance of the first slice, metres; nearer or farther than last_m
        :param last_m: focus distance of the last slice, metres
        :param count: number of slices
        :param unevenness: 0 to 1, how much of a step the inner distances may vary
        :param seed: of the unevenness
        """
        position = np.arange(count, dtype=np.float64)
        rng = np.random.default_rng([seed, 11])
        position[1:-1] += unevenness * rng.uniform(-0.45, 0.45, max(count - 2, 0))
        dioptres = 1 / first_m + (1 / last_m - 1 / first_m) * position / max(count - 1, 1)
        return cls(tuple((1 / dioptres).tolist()), shake_px, rotation_rad, exposure_drift,
                   exposure_flicker, white_balance_drift)

    def views(self, lens: ThinLens, size: tuple[int, int], seed: int) -> NDArray[np.float64]:
        """
        Return (n, 3, 3): pixel of the unshaken widest view -> pixel of each slice.

        :param lens: whose breathing it is
        :param size: (height, width) of a slice, pixels; scale and rotation are about its centre
        :param seed: of shake and rotation
        """
        count = len(self.focus_distances_m)
        rng = np.random.default_rng([seed, 12])
        shift = rng.standard_normal((count, 2)) * self.shake_px
        angle = rng.standard_normal(count) * self.rotation_rad
        scale = lens.magnifications(self.focus_distances_m)
        scale = scale / scale.min()
        centre = np.array([(size[1] - 1) / 2, (size[0] - 1) / 2])
        views = np.zeros((count, 3, 3))
        views[:, 2, 2] = 1
        cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
        views[:, :2, :2] = np.stack([cosine, -sine, sine, cosine], -1).reshape(count, 2, 2)
        views[:, :2, 2] = centre + shift - views[:, :2, :2] @ centre
        return views

    def gains(self, seed: int) -> NDArray[np.float64]:
        """
        Return (n, 3): factor of each slice on linear blue, green and red, 1 for the first slice.

        :param seed: of the flicker
        """
        count = len(self.focus_distances_m)
        ramp = np.arange(count) / max(count - 1, 1)
        flicker = np.random.default_rng([seed, 13]).standard_normal(count)
        brightness = (1 + self.exposure_drift * ramp) * (1 + self.exposure_flicker * flicker)
        colour = np.stack([1 - self.white_balance_drift * ramp / 2, np.ones(count),
                           1 + self.white_balance_drift * ramp / 2], -1)
        gains = brightness[:, None] * colour
        return gains / gains[0]

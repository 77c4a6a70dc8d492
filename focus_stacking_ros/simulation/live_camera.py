# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A simulated camera that exposes one image after the other, at any focus of its lens."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from focus_stacking_ros.simulation.camera import ThinLens
from focus_stacking_ros.simulation.circuit_board import circuit_board
from focus_stacking_ros.simulation.inspection_scenes import (
    crossing_wires,
    dome,
    solder_joints,
    textureless_parts,
    tilted_plane,
)
from focus_stacking_ros.simulation.render import (
    encoded_image,
    render_slice,
    render_truth,
    sensor_image,
)
from focus_stacking_ros.simulation.scene import Scene
import numpy as np
from numpy.typing import NDArray

__all__ = ['SCENES', 'LensIntrinsics', 'LiveCamera']

#: Scenes by name; each is made with a seed and a (height, width) in pixels.
SCENES: dict[str, Callable[[int, tuple[int, int]], Scene]] = {
    'circuit_board': circuit_board, 'crossing_wires': crossing_wires, 'dome': dome,
    'solder_joints': solder_joints, 'textureless_parts': textureless_parts,
    'tilted_plane': tilted_plane}
#: How many positions a moving lens is rendered at within a depth of field: each picture of the
#: whole travel is kept.
_POSITIONS_PER_DEPTH_OF_FIELD = 1
_CACHED_BYTES = 200_000_000


@dataclass(frozen=True)
class LensIntrinsics:
    """
    A pinhole camera, pixels.

    :param focal_length_px: distance of the image plane
    :param centre_px: (x, y) of the optical axis, pixel centres at integer coordinates
    """

    focal_length_px: float
    centre_px: tuple[float, float]


class LiveCamera:
    """
    Renders what a camera sees while its lens moves; one thread at a time.

    What was rendered is kept, so that a sweep that is repeated costs nothing but noise. A moving
    lens is rendered at a few positions within a depth of field; a lens that stands still exactly
    where it is.

    :param scene: what it looks at
    :param lens: the optics; its breathing is that from near_m to far_m
    :param near_m: nearest focus distance, metres
    :param far_m: farthest focus distance, metres
    :param seed: of the noise
    """

    def __init__(self, scene: Scene, lens: ThinLens, near_m: float, far_m: float,
                 seed: int = 0) -> None:
        self.scene, self.lens = scene, lens
        self._ends, self._seed = (near_m, far_m), seed
        step = _POSITIONS_PER_DEPTH_OF_FIELD * (
            lens.aperture_m * float(lens.image_distance_m(near_m)) / lens.pixel_pitch_m) / 2
        self._positions_per_dioptre = step
        self._lights: OrderedDict[float, NDArray[np.float32]] = OrderedDict()

    def expose(self, begin_m: float, end_m: float, number: int, *, moves: bool = False,
               shading: NDArray[np.float32] | None = None) -> NDArray[Any]:
        """
        Return an image, (H, W, 3) blue-green-red, uint8 or uint16.

        :param begin_m: focus distance when the exposure begins, metres
        :param end_m: focus distance when it ends, metres; of a moving lens both ends show
        :param number: of the image; each has its own noise
        :param moves: whether the lens moves though both are equal: the exposure is that short
        :param shading: (H, W, 1) factors on the light, None for 1
        """
        ends = (begin_m, end_m)
        if moves or begin_m != end_m:
            ends = (self._rounded(begin_m), self._rounded(end_m))
        light = self._light(ends[0])
        if ends[0] != ends[1]:
            light = np.asarray((light + self._light(ends[1])) / 2, np.float32)
        if shading is not None:
            light = np.asarray(light * shading, np.float32)
        return sensor_image(light, self.lens, np.random.default_rng([self._seed, 15, number]))

    def intrinsics(self, distance_m: float) -> LensIntrinsics:
        """
        Return the calibrated intrinsics at a focus distance in metres.

        The widest view has its image plane where the thin lens has it; breathing scales it.
        """
        widest_m = self._ends[int(np.argmin(self._magnifications(distance_m)[:2]))]
        focal_px = float(self.lens.image_distance_m(widest_m)) / self.lens.pixel_pitch_m
        height, width = self.scene.size
        return LensIntrinsics(focal_px * self._scale(distance_m),
                              ((width - 1) / 2, (height - 1) / 2))

    def truth(self, distance_m: float) -> tuple[NDArray[Any], NDArray[np.float32]]:
        """
        Return what is true in the pixel grid of an image at a focus distance.

        :param distance_m: metres
        :returns: (H, W, 3) with everything sharp, and (H, W) depth in metres
        """
        light, depth = render_truth(self.scene, self.lens, self._view(distance_m))
        return encoded_image(light, self.lens), depth

    def _light(self, distance_m: float) -> NDArray[np.float32]:
        light = self._lights.pop(distance_m, None)
        if light is None:
            light = render_slice(self.scene, self.lens, distance_m, self._view(distance_m))
        self._lights[distance_m] = light
        while len(self._lights) > max(_CACHED_BYTES // light.nbytes, 1):
            self._lights.popitem(last=False)
        return light

    def _rounded(self, distance_m: float) -> float:
        """Return the distance of the position nearby that a moving lens is rendered at."""
        near, far = self._ends
        number = round((1 / near - 1 / distance_m) * self._positions_per_dioptre)
        return 1 / max(1 / near - number / self._positions_per_dioptre, 1 / far)

    def _magnifications(self, distance_m: float) -> NDArray[np.float64]:
        """Return those of the nearest and the farthest focus and of a distance."""
        return self.lens.magnifications((*self._ends, distance_m))

    def _scale(self, distance_m: float) -> float:
        """Return the magnification of a focus distance relative to the widest view."""
        near, far, here = self._magnifications(distance_m)
        return float(here / min(near, far))

    def _view(self, distance_m: float) -> NDArray[np.float64]:
        """Return (3, 3): pixel of the widest view -> pixel of the image at a focus distance."""
        scale = self._scale(distance_m)
        height, width = self.scene.size
        return np.array([[scale, 0, (1 - scale) * (width - 1) / 2],
                         [0, scale, (1 - scale) * (height - 1) / 2], [0, 0, 1]])

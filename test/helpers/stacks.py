# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Synthetic focal stacks with known truth.

A scene is a texture and a map of the fractional slice index it is sharp at. Every slice is the
scene blurred by a Gaussian whose width grows with the distance from that index, then seen through
the slice's own magnification, shift, rotation and brightness. Scenes are wider than the images,
so no slice has an empty border.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
import pickle
from typing import Any

import cv2
from focus_stacking_ros import FocusStacker, StackOptions, StackResult
from focus_stacking_ros.backends.native import NativeBackend
from focus_stacking_ros.core.align.detail import Detail, LEVELS
from focus_stacking_ros.core.align.joint import JointRefinement
from focus_stacking_ros.core.align.stages import AlignmentStages, PortableAlignment
from focus_stacking_ros.core.focus.measure import luma
from focus_stacking_ros.core.stack.backend import BackendError
import numpy as np
from numpy.typing import NDArray

__all__ = ['MARGIN', 'PLANES', 'SyntheticStack', 'corner_error', 'differing', 'distances',
           'fast_stages', 'growing', 'make_stack', 'perspective', 'refinement', 'similarity',
           'slanted', 'stacked', 'texture']

MARGIN = 48  # pixels of scene beyond each side of the reference image
BLUR = 1.3  # pixels of Gaussian sigma per slice of defocus
#: Fields of a result that are compared.
PLANES = ('all_in_focus', 'depth_m', 'confidence', 'slice_index', 'depth_std_m')


@dataclass(frozen=True)
class SyntheticStack:
    """
    A focal stack and its truth, in the pixel grid of the reference: the scene's own.

    :param images: slices, near to far
    :param distances: focus distances in metres, evenly spaced in dioptres
    :param all_in_focus: (H, W) or (H, W, 3) float32, 8-bit grey levels, unit gain
    :param index: (H, W) float32 true fractional slice index
    :param transforms: (3, 3) per slice, reference pixel -> slice pixel
    :param gains: factor on the scene's brightness per slice
    """

    images: list[NDArray[np.generic]]
    distances: list[float]
    all_in_focus: NDArray[np.float32]
    index: NDArray[np.float32]
    transforms: list[NDArray[np.float64]]
    gains: list[float]


def refinement(images: Sequence[NDArray[Any]], model: str = 'auto',
               guessed: Sequence[bool] | None = None,
               stages: AlignmentStages | None = None) -> JointRefinement:
    """
    Return what refines the transforms of images that are evenly focused.

    :param images: near to far
    :param model: a key of motion.PARAMETERS, or auto
    :param guessed: which of their transforms are but guesses, by default none
    :param stages: who does what takes time, by default `fast_stages`
    """
    stages = fast_stages() if stages is None else stages

    def detail(rank: int) -> Detail:
        grey = luma(images[rank])
        return Detail.of(stages.prepare(grey, LEVELS), grey)

    return JointRefinement(stages, detail, images[0].shape[:2], model, range(len(images)),
                           [False] * len(images) if guessed is None else guessed)


@cache
def fast_stages() -> AlignmentStages:
    """Return the native stages of alignment, where the library is not built the portable ones."""
    try:
        return NativeBackend().alignment
    except BackendError:
        return PortableAlignment()


def distances(slices: int, nearest: float = 0.25, farthest: float = 0.30) -> list[float]:
    """Return focus distances in metres, evenly spaced in dioptres, near to far."""
    return [float(1 / d) for d in np.linspace(1 / nearest, 1 / farthest, slices)]


def similarity(shape: tuple[int, int], scale: float = 1.0, shift: tuple[float, float] = (0, 0),
               degrees: float = 0.0) -> NDArray[np.float64]:
    """Return the (3, 3) transform of a magnification about the centre, rotation and shift."""
    centre = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2])
    angle = np.deg2rad(degrees)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    transform = np.eye(3)
    transform[:2, :2] = linear
    transform[:2, 2] = centre + shift - linear @ centre
    return transform


def growing(shape: tuple[int, int], count: int) -> list[NDArray[np.float64]]:
    """Return transforms of a picture that grows by 12 % over the sensor, slice by slice."""
    return [similarity(shape, scale) for scale in np.linspace(1, 1.12, count)]


def corner_error(found: NDArray[np.float64], true: NDArray[np.float64],
                 shape: tuple[int, int]) -> float:
    """Return the greatest distance, in pixels, between where two transforms put the corners."""
    height, width = shape[:2]
    corners = np.array([[0, 0, 1], [width - 1, 0, 1], [0, height - 1, 1],
                        [width - 1, height - 1, 1]], np.float64).T
    places = [(each @ corners)[:2] / (each @ corners)[2] for each in (found, true)]
    return float(np.hypot(*(places[0] - places[1])).max())


def perspective(shape: tuple[int, int], across: float, down: float) -> NDArray[np.float64]:
    """Return the (3, 3) transform that moves the right and the lower rim so many pixels out."""
    height, width = shape
    centre, unit = np.array([(width - 1) / 2, (height - 1) / 2]), max(shape) / 2
    to_centre, tilt = np.eye(3), np.eye(3)
    to_centre[:2, 2] = centre
    tilt[2, :2] = -across / unit ** 2, -down / unit ** 2
    result = to_centre @ tilt @ np.linalg.inv(to_centre)
    return np.asarray(result / result[2, 2], np.float64)


def texture(shape: tuple[int, int], channels: int = 1, contrast: float = 30.0,
            seed: int = 0) -> NDArray[np.float32]:
    """Return random texture around 120 grey levels; ``contrast`` is its standard deviation."""
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal(shape)
    planes = []
    for _ in range(channels):
        noise = 0.8 * shared + 0.6 * rng.standard_normal(shape)
        # Two octaves: detail that defocus removes, and structure that it leaves.
        plane = _unit(cv2.GaussianBlur(noise, (0, 0), 0.9)) + _unit(
            cv2.GaussianBlur(noise, (0, 0), 4.0))
        planes.append(120 + contrast * plane / np.sqrt(2))
    return np.clip(np.dstack(planes)[:, :, 0] if channels == 1 else np.dstack(planes),
                   8, 247).astype(np.float32)


def _unit(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    return (plane - plane.mean()) / plane.std()


def slanted(shape: tuple[int, int], first: float, last: float) -> NDArray[np.float32]:
    """Return the index map of a plane that runs from ``first`` on the left to ``last``."""
    padded = shape[1] + 2 * MARGIN
    row = first + (last - first) * (np.arange(padded) - MARGIN) / (shape[1] - 1)
    return np.tile(row.astype(np.float32), (shape[0] + 2 * MARGIN, 1))


def make_stack(
    shape: tuple[int, int] = (120, 160),
    slices: int = 6,
    *,
    index: NDArray[np.float32] | None = None,
    scene: NDArray[np.float32] | None = None,
    channels: int = 1,
    transforms: Sequence[NDArray[np.float64]] | None = None,
    gains: Sequence[float] | None = None,
    noise: float = 0.0,
    dtype: type = np.uint8,
    seed: int = 0,
) -> SyntheticStack:
    """
    Render a stack, or return the one rendered before; its images cannot be written to.

    :param shape: height and width of the images
    :param slices: number of slices
    :param index: index map of the scene with its margin, by default a plane that is tilted
        through all slices
    :param scene: sharp scene with its margin, 8-bit grey levels, by default random texture
    :param channels: 1 or 3, of the default scene
    :param transforms: reference pixel -> slice pixel, by default identities
    :param gains: brightness of each slice, by default 1
    :param noise: standard deviation of Gaussian noise, 8-bit grey levels
    :param dtype: uint8 or uint16
    :param seed: of texture and noise
    """
    request = (shape, slices, index, scene, channels, transforms, gains, noise, dtype, seed)
    stack = _rendered(pickle.dumps(request))
    return replace(stack, images=list(stack.images), distances=list(stack.distances),
                   transforms=list(stack.transforms), gains=list(stack.gains))


@lru_cache(maxsize=64)
def _rendered(request: bytes) -> SyntheticStack:
    """Render what `make_stack` is asked for: its parameters, pickled, as arrays have no hash."""
    (shape, slices, index, scene, channels, transforms, gains, noise, dtype,
     seed) = pickle.loads(request)
    rng = np.random.default_rng(seed + 1)
    padded = shape[0] + 2 * MARGIN, shape[1] + 2 * MARGIN
    if index is None:
        index = slanted(shape, 0.0, slices - 1.0)
    if scene is None:
        scene = texture(padded, channels, seed=seed)
    transforms = [np.eye(3)] * slices if transforms is None else list(transforms)
    gains = [1.0] * slices if gains is None else list(gains)
    images = []
    to_scene = similarity((1, 1), shift=(MARGIN, MARGIN))
    for number in range(slices):
        blurred = _defocused(scene, index - number)
        # OpenCV wants result pixel -> source pixel.
        grid = to_scene @ np.linalg.inv(transforms[number])
        flags = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
        seen = (cv2.warpPerspective(blurred, grid, shape[::-1], flags=flags) if grid[2, :2].any()
                else cv2.warpAffine(blurred, grid[:2], shape[::-1], flags=flags))
        seen = seen * gains[number] + noise * rng.standard_normal(seen.shape)
        if dtype == np.uint16:
            seen = seen * 256
        top = np.iinfo(dtype).max
        images.append(np.rint(np.clip(seen, 0, top)).astype(dtype))
        images[-1].flags.writeable = False
    inner = np.s_[MARGIN:MARGIN + shape[0], MARGIN:MARGIN + shape[1]]
    return SyntheticStack(images, distances(slices), scene[inner], index[inner],
                          list(transforms), list(gains))


def stacked(stack: SyntheticStack, order: Iterable[int] | None = None,
            **options: Any) -> StackResult:
    """
    Return the result of a stack.

    :param order: of arrival, near to far by default
    :param options: of StackOptions
    """
    stacker = FocusStacker(StackOptions(**options))
    for number in range(len(stack.images)) if order is None else order:
        stacker.add(stack.images[number], stack.distances[number])
    return stacker.finish()


def _defocused(scene: NDArray[np.float32], offset: NDArray[np.float32]) -> NDArray[np.float32]:
    """
    Spread the light of every pixel by its own Gaussian, between two of a ladder of widths.

    :param scene: sharp
    :param offset: slices between each pixel's surface and the plane in focus, with their sign
    """
    step = 0.4
    level = np.abs(offset) * (BLUR / step)
    result, total = np.zeros_like(scene), np.zeros(offset.shape, np.float32)
    for side in (offset < 0, offset >= 0):  # each apart, as what is equally blurred lies together
        for rung in range(int(np.ceil(level[side].max(initial=-1))) + 1):
            weight = np.where(side, np.maximum(1 - np.abs(level - rung), 0), 0)
            part = _surroundings(weight > 0, int(4 * rung * step) + 2)
            if part is None:
                continue
            weight = weight[part]
            light = scene[part] * (weight if scene.ndim == 2 else weight[..., None])
            result[part] += cv2.GaussianBlur(light, (0, 0), rung * step) if rung else light
            total[part] += cv2.GaussianBlur(weight, (0, 0), rung * step) if rung else weight
    return result / (total if scene.ndim == 2 else total[..., None])


def _surroundings(chosen: NDArray[np.bool_], margin: int) -> tuple[slice, slice] | None:
    """Return the smallest rectangle with all chosen pixels and a margin, if there are any."""
    places = [np.flatnonzero(chosen.any(axis)) for axis in (1, 0)]
    if not places[0].size:
        return None
    rows, columns = (slice(max(place[0] - margin, 0), place[-1] + margin + 1) for place in places)
    return rows, columns


def differing(one: StackResult, other: StackResult) -> list[str]:
    """Return the planes in which two results differ."""
    return [name for name in PLANES if not np.array_equal(
        getattr(one, name), getattr(other, name), equal_nan=name.startswith('depth'))]

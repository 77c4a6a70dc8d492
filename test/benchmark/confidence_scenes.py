# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Stacks of known depth on which confidence is fitted and judged: scenes, optics, steps and noise.

Everything about a stack follows from its number, so that anybody can render them again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
import math
from typing import Any

import cv2
from focus_stacking_ros.simulation import (
    ball_grid,
    circuit_board,
    crossing_wires,
    dome,
    Layer,
    render_stack,
    rough_metal,
    Scene,
    SimulatedStack,
    solder_joints,
    Sweep,
    textureless_parts,
    ThinLens,
    tilted_plane,
)
import numpy as np
from numpy.typing import NDArray

__all__ = ['CLASSES', 'DrawnStack', 'confidence_stack']

SIZE = 240, 320
_DISTANCE_M = 0.25
_STEP = 0.15, 1.6  # widths of the focus curve from slice to slice
_PIXELS_PER_WIDTH = 1.1  # standard deviation of the blur at one width from the focus


def relief(seed: int, size: tuple[int, int]) -> Scene:
    """Return rough ground without a step: heights and brightness are random at every scale."""
    rng = np.random.default_rng([seed, 77])
    height = _fractal(rng, size, rng.uniform(1.4, 2.2))
    texture = _fractal(rng, size, rng.uniform(0.6, 1.6))
    light = 0.25 * np.exp(rng.uniform(0.3, 1.2) * texture)
    # The relief shades itself, as a lamp from the side does.
    light *= np.clip(1 + 0.8 * cv2.Sobel(height, cv2.CV_32F, 1, 0) * rng.uniform(0, 1), 0.2, 3)
    colour = rng.uniform(0.6, 1, 3).astype(np.float32)
    depth = _DISTANCE_M - 0.001 * rng.uniform(0.5, 2) * height
    return Scene('relief', (_layer(np.clip(light, 0, 1)[..., None] * colour, depth),), 0)


def _layer(texture: NDArray[np.float32], depth: NDArray[np.float32]) -> Layer:
    return Layer(texture.astype(np.float32), depth.astype(np.float32),
                 np.ones(depth.shape, np.float32), (0, 0))


def _fractal(rng: np.random.Generator, size: tuple[int, int], slope: float) -> NDArray[np.float32]:
    """Return noise whose amplitude falls with the frequency to the power slope; deviation 1."""
    rows, columns = np.fft.fftfreq(size[0])[:, None], np.fft.rfftfreq(size[1])[None]
    frequency = np.hypot(rows, columns)
    frequency[0, 0] = 1
    spectrum = np.fft.rfft2(rng.standard_normal(size)) / frequency ** slope
    spectrum[0, 0] = 0
    values = np.fft.irfft2(spectrum, size)
    return (values / values.std()).astype(np.float32)


def plain(seed: int, size: tuple[int, int]) -> Scene:
    """Return a dark plain background with one textured part: most of it shows nothing."""
    rng = np.random.default_rng([seed, 78])
    light = np.full((*size, 3), rng.uniform(0.002, 0.3), np.float32)
    depth = np.full(size, _DISTANCE_M + 0.002, np.float32)
    y, x = rng.uniform(0.3, 0.7, 2) * size
    rows, columns = np.mgrid[:size[0], :size[1]]
    part = np.hypot(rows - y, columns - x) < rng.uniform(0.15, 0.3) * size[0]
    texture = 0.3 * np.exp(0.6 * _fractal(rng, size, 1.0))
    light[part] = texture[part][:, None]
    depth[part] -= np.float32(rng.uniform(0.002, 0.006))
    return Scene.from_depth_map('plain', np.clip(light, 0, 1), depth, 1e-4, reach_px=16)


def nothing(seed: int, size: tuple[int, int]) -> Scene:
    """Return a plain surface with a little shade: there is nothing to see, only noise."""
    rng = np.random.default_rng([seed, 79])
    shade = cv2.resize(rng.standard_normal((4, 5)), size[::-1], interpolation=cv2.INTER_CUBIC)
    light = rng.uniform(0.005, 0.5) * (1 + rng.uniform(0, 0.1) * shade)
    depth = _DISTANCE_M - np.float32(0.003) * np.linspace(0, 1, size[1], dtype=np.float32)
    return Scene('nothing', (_layer(np.repeat(light[..., None], 3, 2),
                                    np.tile(depth, (size[0], 1))),), 0)


#: Scenes by class: what renders one from a seed and a size.
CLASSES: dict[str, Callable[[int, tuple[int, int]], Scene]] = {
    'board': circuit_board, 'tilted': tilted_plane, 'dome': dome, 'solder': solder_joints,
    'textureless': textureless_parts, 'wires': crossing_wires, 'metal': rough_metal,
    'balls': ball_grid, 'relief': relief, 'plain': plain, 'nothing': nothing}


@dataclass(frozen=True)
class DrawnStack:
    """
    A rendered stack and how it was drawn.

    :param name: class and number
    :param kind: key of `CLASSES`
    :param slices: images as the camera sends them
    :param stack: with the truth
    :param alignment: value of `alignment.model` it is stacked with
    """

    name: str
    kind: str
    slices: Sequence[NDArray[Any]]
    stack: SimulatedStack
    alignment: str


def confidence_stack(number: int) -> DrawnStack:
    """
    Render a stack; its class, optics, steps, ends, noise and compression are drawn from a number.

    :param number: of the stack; classes take turns, so that even and odd numbers have all
    """
    rng = np.random.default_rng([number, 2026])
    kind = list(CLASSES)[number // 2 % len(CLASSES)]
    scene = CLASSES[kind](1000 + number, SIZE)
    noise = float(rng.choice([0.3, 1.0, 2.0, 4.0, 8.0]))
    jpeg = int(rng.choice([0, 0, 95, 85]))
    shake = float(rng.choice([0.0, 0.0, 1.0]))
    lens = ThinLens(f_number=float(rng.choice([2.8, 4.0, 5.6])), breathing=-0.04 * (shake > 0),
                    point_spread_px=float(rng.uniform(0.4, 0.9)), read_noise=0.5 * noise,
                    shot_noise=noise, jpeg_quality=jpeg)
    near, far = 1 / scene.depth_range_m[0], 1 / scene.depth_range_m[1]  # dioptres, falling
    # A disc's standard deviation along an axis is a quarter of its diameter.
    blur_px = float(lens.circle_of_confusion_px(1 / (near - 1), 1 / near)) / 4  # per dioptre
    step = _PIXELS_PER_WIDTH / blur_px * math.exp(rng.uniform(*map(math.log, _STEP)))
    # Some sweeps end within the scene, some go beyond it.
    first = near + rng.uniform(-0.1, 0.6) * (near - far) + rng.uniform(0, 2) * step
    last = far - rng.uniform(-0.1, 0.3) * (near - far) - rng.uniform(0, 2) * step
    count = int(np.clip(round((first - last) / step) + 1, 2, 60))
    sweep = replace(Sweep.between(1 / first, 1 / last, count), shake_px=shake,
                    exposure_flicker=float(rng.choice([0.0, 0.02])))
    stack = render_stack(scene, lens, sweep, number, 'first')
    slices: Sequence[NDArray[Any]] = stack.slices
    if rng.random() < 0.3:
        slices = [_through_mosaic(image) for image in slices]
    return DrawnStack(f'{kind}_{number}', kind, slices, stack,
                      'auto' if shake else 'none')


def _through_mosaic(image: NDArray[Any]) -> NDArray[Any]:
    """Return what is left of an image behind a Bayer mosaic: neighbours' noise is alike."""
    mosaic = image[..., 1].copy()
    mosaic[::2, ::2], mosaic[1::2, 1::2] = image[::2, ::2, 2], image[1::2, 1::2, 0]
    return cv2.cvtColor(mosaic, cv2.COLOR_BayerRG2BGR)

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Paint surfaces for simulated scenes: shapes, noise, relief lit from the upper left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ['Colour', 'Painting', 'linear', 'noise']

Colour = Sequence[float]  # blue, green, red of the screen, 0 to 255
Mask = NDArray[np.float32]
#: Pixels are painted this much finer along each axis, then averaged.
FINENESS = 2
FONT = cv2.FONT_HERSHEY_SIMPLEX


def linear(colour: Colour, gamma: float = 2.2) -> NDArray[np.float32]:
    """Return linear light, 0 to 1, of a screen colour."""
    return ((np.asarray(colour) / 255) ** gamma).astype(np.float32)


def noise(rng: np.random.Generator, shape: tuple[int, int],
          octaves: Sequence[tuple[float, float]]) -> NDArray[np.float32]:
    """
    Return (h, w) float32 noise of mean 0.

    :param octaves: (size in pixels, standard deviation) of each component
    """
    result = np.zeros(shape, np.float32)
    for size, deviation in octaves:
        coarse = (max(int(shape[0] / size) + 3, 3), max(int(shape[1] / size) + 3, 3))
        grains = rng.standard_normal(coarse, dtype=np.float32)
        if size > 1:
            spread = (int(coarse[1] * size) + 1, int(coarse[0] * size) + 1)
            grains = cv2.resize(grains, spread, interpolation=cv2.INTER_CUBIC)
            result += deviation * 1.5 * grains[:shape[0], :shape[1]]
        else:
            result += deviation * grains[:shape[0], :shape[1]]
    return result


class Painting:
    """
    A surface while it is painted: colour, coverage and relief at twice the final resolution.

    Coordinates are in millimetres from the upper left corner.

    :param size: (height, width) of the finished surface, pixels
    :param px_per_mm: scale of the finished surface
    """

    def __init__(self, size: tuple[int, int], px_per_mm: float) -> None:
        self.size = size
        self.scale = px_per_mm * FINENESS
        self.shape = (size[0] * FINENESS, size[1] * FINENESS)
        self.colour = np.zeros((*self.shape, 3), np.float32)
        self.alpha = np.zeros(self.shape, np.float32)
        self.relief_m = np.zeros(self.shape, np.float32)

    def px(self, x_mm: float, y_mm: float) -> tuple[int, int]:
        """Return fine pixels of a point."""
        return round(x_mm * self.scale), round(y_mm * self.scale)

    def length(self, mm: float) -> int:
        """Return a length in whole fine pixels, at least one."""
        return max(round(mm * self.scale), 1)

    def mask(self, draw: Callable[[NDArray[np.uint8]], Any]) -> Mask:
        """Return 0 to 1 of what a function draws in white on black."""
        canvas = np.zeros(self.shape, np.uint8)
        draw(canvas)
        return canvas * np.float32(1 / 255)

    def rectangle(self, x: float, y: float, width: float, height: float,
                  rounding: float = 0.0) -> Mask:
        """Return the mask of a rectangle; rounding is the radius of its corners."""
        def draw(canvas: NDArray[np.uint8]) -> None:
            radius = round(rounding * self.scale)
            a, b = self.px(x, y), self.px(x + width, y + height)
            if not radius:
                cv2.rectangle(canvas, a, b, 255, -1)
                return
            cv2.rectangle(canvas, (a[0] + radius, a[1]), (b[0] - radius, b[1]), 255, -1)
            cv2.rectangle(canvas, (a[0], a[1] + radius), (b[0], b[1] - radius), 255, -1)
            for cx in (a[0] + radius, b[0] - radius):
                for cy in (a[1] + radius, b[1] - radius):
                    cv2.circle(canvas, (cx, cy), radius, 255, -1, cv2.LINE_AA)
        return self.mask(draw)

    def disc(self, x: float, y: float, radius: float) -> Mask:
        """Return the mask of a disc."""
        return self.mask(lambda canvas: cv2.circle(
            canvas, self.px(x, y), self.length(radius), 255, -1, cv2.LINE_AA))

    def line(self, points: Sequence[tuple[float, float]], width: float) -> Mask:
        """Return the mask of a line through points."""
        corners = np.array([self.px(*point) for point in points], np.int32)
        return self.mask(lambda canvas: cv2.polylines(
            canvas, [corners], False, 255, self.length(width), cv2.LINE_AA))

    def text(self, x: float, y: float, words: str, height: float) -> Mask:
        """
        Return the mask of a line of text whose lower left corner is at x, y.

        :param height: of capital letters, mm
        """
        size = height * self.scale / _capital_height()
        stroke = self.length(height / 7)
        (wide, high), base = cv2.getTextSize(words, FONT, size, stroke)
        border = base + 2 * stroke + 2
        canvas = np.zeros((high + 2 * border, wide + 2 * border), np.uint8)
        cv2.putText(canvas, words, (border, high + border), FONT, size, 255, stroke, cv2.LINE_AA)
        left, bottom = self.px(x, y)
        left, top = left - border, bottom - high - border
        result = np.zeros(self.shape, np.float32)
        # Text may lie beyond any side of a picture that is wider or higher than the layout.
        rows, columns = (slice(*(min(max(edge, 0), limit) for edge in (start, start + length)))
                         for start, length, limit in zip((top, left), canvas.shape, self.shape,
                                                         strict=True))
        part = canvas[rows.start - top:rows.stop - top, columns.start - left:columns.stop - left]
        result[rows, columns] = part.astype(np.float32) / 255
        return result

    def paint(self, mask: Mask, colour: Colour,
              texture: NDArray[np.float32] | float = 0.0) -> None:
        """
        Paint a screen colour where the mask is and let the surface cover it.

        :param texture: relative change of the linear light, a number or (h, w) fine pixels
        """
        box = _box(mask)
        mask, grain = mask[box], _part(texture, box)
        light = linear(colour) * np.maximum(1 + grain, 0)[..., None]
        self.colour[box] += mask[..., None] * (light - self.colour[box])
        self.alpha[box] = np.maximum(self.alpha[box], mask)

    def light_up(self, mask: Mask, amount: NDArray[np.float32] | float) -> None:
        """Multiply the light where the mask is by 1 + amount."""
        box = _box(mask)
        factor = np.maximum(1 + mask[box] * _part(amount, box), 0)
        self.colour[box] *= factor[..., None]

    def add_light(self, mask: Mask, amount: float) -> None:
        """Add linear light, such as a highlight."""
        self.colour += mask[..., None] * amount

    def bevel(self, mask: Mask, width: float, height_m: float, contrast: float = 0.6,
              round_off: bool = True) -> None:
        """
        Raise the mask with a rounded or straight rim, and shade the rim.

        :param width: of the rim, mm
        :param height_m: by how much the inside is higher than the rim's foot, metres
        :param contrast: how much lighter the rim is to the upper left than the level surface
        :param round_off: a quarter of a circle instead of a straight slope
        """
        box = _box(mask, 2)
        mask, rim = mask[box], self.length(width)
        inside = cv2.distanceTransform((mask >= 0.5).astype(np.uint8), cv2.DIST_L2, 5)
        ramp = np.minimum(inside / rim, 1)
        profile = np.sqrt(np.maximum(1 - (1 - ramp) ** 2, 0)) if round_off else ramp
        self.relief_m[box] += profile * height_m
        smooth = cv2.GaussianBlur(profile, (0, 0), max(self.scale * width / 4, 0.8))
        slope = (cv2.Sobel(smooth, -1, 1, 0) + cv2.Sobel(smooth, -1, 0, 1)) * rim / 8
        shade = np.maximum(1 + mask * contrast * np.clip(slope, -1, 1.5), 0)
        self.colour[box] *= shade[..., None]

    def finished(self, top_depth_m: float) -> tuple[Any, Any, Any]:
        """
        Return texture, depth and coverage at the final resolution, as a Layer takes them.

        :param top_depth_m: depth of a relief of 0, metres; higher relief is nearer
        """
        size = (self.size[1], self.size[0])
        alpha = cv2.resize(self.alpha, size, interpolation=cv2.INTER_AREA)
        light = cv2.resize(self.colour * self.alpha[..., None], size, interpolation=cv2.INTER_AREA)
        texture = light / np.maximum(alpha, 1e-6)[..., None]
        relief = cv2.resize(self.relief_m, size, interpolation=cv2.INTER_AREA)
        return texture, (top_depth_m - relief).astype(np.float32), alpha


def _box(mask: Mask, border: int = 0) -> tuple[slice, slice]:
    """Return the rows and columns in which a mask is not 0."""
    x, y, width, height = cv2.boundingRect((mask > 0).astype(np.uint8))
    return (slice(max(y - border, 0), y + height + border),
            slice(max(x - border, 0), x + width + border))


def _part(values: NDArray[np.float32] | float, box: tuple[slice, slice]) -> NDArray[np.float32]:
    """Return an image's part, or a number as it is."""
    array = np.asarray(values, np.float32)
    return array if array.ndim == 0 else array[box]


@lru_cache(maxsize=1)
def _capital_height() -> float:
    """Return the height of capitals at font size 1, pixels; it differs between versions."""
    canvas = np.zeros((400, 400), np.uint8)
    cv2.putText(canvas, 'H', (50, 300), FONT, 8.0, 255, 1)
    return cv2.boundingRect(canvas)[3] / 8

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the pixels of a comparison of two slices add up to, by OpenCV and NumPy."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
from focus_stacking_ros.core.align.comparison_sums import (
    ACROSS,
    BLURRED,
    DOWN,
    RICHEST,
    StepSums,
    Sums,
)
from focus_stacking_ros.core.align.detail import Detail
from focus_stacking_ros.core.align.level_fit import DOUBT
from focus_stacking_ros.core.align.motion import (
    generator,
    gradient_fields,
    gradients_moved,
    moved,
    PARAMETERS,
)
from focus_stacking_ros.core.align.pyramid import (
    Level,
    sample,
    sample_level,
)
from focus_stacking_ros.core.align.warping import identity, joined, reduced, valid_mask, warp
from focus_stacking_ros.core.slices import FloatImage, Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['DARK', 'ENOUGH', 'FEWEST', 'LEAST_SPREAD', 'MEDIAN', 'NEAR', 'POINTS', 'ROBUST',
           'RUN', 'SPREADING', 'TONE', 'WEAKEST', 'WINDOW', 'comparison_sums']

# Pixels that enter a comparison, the sharpest in both slices. Where they are less than half of a
# level that is not compared at a finer one, every other row of them enters: neighbours tell little
# more.
POINTS, FEWEST = 60_000, 256
RUN = 8  # pixels beside each other that enter together: processors take as many at a time
# Geman and McClure's scale: median residuals, of one step after the other; grey levels. A narrow
# one from the start would hold what lies beside its place for a disturbance and stay there
# (graduated non-convexity: Black and Rangarajan 1996, doi:10.1007/BF00131148). More steps of the
# last one would not end: there the error is hardly convex any more, and what they find no truer.
ROBUST, LEAST_SPREAD = (8.0, 4.0, 2.0, 1.5), 0.5
# Standard deviation of the exponent by which the encoding of light is off: cameras encode by 1 to
# 1 / 2.2; grey levels below which light is not divided by.
TONE, DARK = 0.5, 8.0
ENOUGH = 10_000  # runs that tell the threshold of sharpness
MEDIAN = 3_000  # pixels that tell a median
WINDOW = 5  # half-size pixels: side of the window of the difference of defocus, applied twice
SPREADING = 1.5  # share of the displacement by uneven defocus, see `_defocus`
NEAR = 2.0  # grey levels: differences up to that are noise
_LEAST_SIDE = 8  # pixels of a level that has a difference of defocus
WEAKEST = 4.0  # squared grey levels: bend below which no difference of defocus is seen


@dataclass(frozen=True)
class _Points:
    """
    The pixels that are compared; every plane is (N,) float32.

    :param x: column in the finer level
    :param y: row
    :param sharpness: in both slices
    :param amount: half the difference of the squared blur, and its gradient along x and y
    """

    x: FloatImage
    y: FloatImage
    sharpness: FloatImage
    amount: list[FloatImage]


def comparison_sums(template: Detail, image: Detail, transform: Transform, model: str, *,
                    judged: bool, even_below: float = 0.0) -> Sums | None:
    """
    Return what the pixels of a comparison add up to; None where it cannot be made.

    :param template: slice whose pixel grid the transform starts from
    :param image: slice whose pixel grid it leads to
    :param transform: template pixel -> image pixel, right to about a pixel
    :param model: a key of motion.PARAMETERS
    :param judged: whether to add up what tells how well they fit
    :param even_below: sharpness of both below which few sharp places do not count for all
    """
    points = _points(template, image, transform)
    return None if points is None else _Differences(
        template, image, points, even_below).sums(transform, model, judged=judged)


def _defocus(template: Level, image: Level, local: Transform
             ) -> tuple[FloatImage, FloatImage, FloatImage]:
    """
    Return half the difference of the squared blur, image less template, and its gradient.

    At half the size of the level; in squares of its pixels and per pixel of it.

    Defocus spreads light as diffusion does: image - template = div grad (a M), M the mean of
    both, with a smooth: a laplacian(M) + 2 grad(a) grad(M) + M laplacian(a). The first term is
    what a is found by, for it does not look like motion. The second does: it is why edges move
    where defocus is uneven, as on tilted and curved surfaces. (Pentland 1987, Subbarao 1988.)
    """
    height, width = template.grey.shape
    moved = warp(image.grey, local, cv2.INTER_CUBIC, cv2.BORDER_REPLICATE)
    bend = cv2.Laplacian(cv2.GaussianBlur(cv2.addWeighted(moved, 0.5, template.grey, 0.5, 0),
                                          (0, 0), 0.7), cv2.CV_32F)
    outside = valid_mask((height, width), local)
    if outside is not None:  # the borders beyond the image would count as a difference
        bend[outside == 0] = 0
    difference = cv2.subtract(moved, template.grey)
    # Half the resolution is enough for averages over so many pixels.
    size = (width // 2, height // 2)
    window = (WINDOW, WINDOW)

    def averaged(plane: FloatImage) -> FloatImage:
        plane = cv2.resize(plane[:2 * size[1], :2 * size[0]], size, interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.blur(cv2.blur(plane, window), window), np.float32)

    amount = cv2.divide(averaged(cv2.multiply(difference, bend)),
                        cv2.add(averaged(cv2.multiply(bend, bend)), WEAKEST))
    # Per pixel of the template again, which is half as large as one of these.
    return (np.asarray(amount, np.float32),
            cv2.Scharr(amount, cv2.CV_32F, 1, 0, scale=1 / 64),
            cv2.Scharr(amount, cv2.CV_32F, 0, 1, scale=1 / 64))


def _points(template: Detail, image: Detail, transform: Transform) -> _Points | None:
    """Return the pixels that are sharpest in both; None where they are too few."""
    coarse, theirs = template.coarse, image.coarse
    height, width = coarse.grey.shape
    if min(height, width) < _LEAST_SIDE:
        return None
    local = reduced(transform, coarse.factor)
    ratio = coarse.factor // template.level.factor
    step = 2 if ratio == 1 and coarse.grey.size > 2 * POINTS else 1
    rows, columns = (each.ravel() for each in np.indices((-(-height // step), width // RUN),
                                                         np.int32))
    if step == 2:  # of the two rows of cells the upper and the lower one in turn
        rows = np.minimum(2 * rows + columns % 2, height - 1)
    columns *= RUN
    # Of each cell of a run, in the middle of its two pixels.
    x = columns[:, None] + np.arange(0, RUN, 2, dtype=np.float32) + np.float32(0.5)
    y = np.broadcast_to(rows[:, None].astype(np.float32), x.shape)
    u, v = (np.floor(each + np.float32(0.5)).clip(-1, side).astype(np.int32)
            for each, side in zip(moved(local, x, y), (width, height), strict=True))
    inside = (u >= 0) & (v >= 0) & (u < width) & (v < height)
    common = np.minimum(
        coarse.cells[rows[:, None] // 2, x.astype(np.int32) // 2],
        theirs.cells[v.clip(0, height - 1) // 2, u.clip(0, width - 1) // 2]) * inside
    together = (common[:, 0] + common[:, 1]) + (common[:, 2] + common[:, 3])
    chosen = np.flatnonzero(together > _threshold(together, POINTS // (ratio * step * RUN)))
    chosen = chosen[:len(chosen) // RUN * RUN]
    if RUN * len(chosen) < FEWEST:
        return None
    # Of a finer level two of the four pixels: half of the run in each row.
    number, part, lane = np.indices((len(chosen), ratio, RUN), np.int32).reshape(3, -1)
    run, pixel = chosen[number], RUN * part + lane
    row, column = rows[run], columns[run] + pixel // ratio
    there = np.minimum(row // 2, height // 2 - 1), column // 2
    # Squared blur and its gradient in pixels of the finer level.
    amount = [plane[there] * np.float32(power) for plane, power in zip(
        _defocus(coarse, theirs, local), (ratio ** 2, ratio, ratio), strict=True)]
    return _Points((ratio * columns[run] + pixel).astype(np.float32),
                   (ratio * row + part).astype(np.float32), common[run, pixel // (2 * ratio)],
                   amount)


def _threshold(sharpness: FloatImage, wanted: int) -> np.float32:
    """Return the sharpness that so many runs exceed, from some of them: sorting takes long."""
    step = max(1, len(sharpness) // ENOUGH) | 1
    some = sharpness[::step]
    some = np.sort(some[some > 0])
    wanted //= step
    return some[-wanted] if len(some) > wanted else np.float32(0)


class _Differences:
    """Two slices at the pixels that are compared."""

    def __init__(self, template: Detail, image: Detail, points: _Points,
                 even_below: float) -> None:
        self._template, self._image, self._points = template, image, points
        fine = template.level
        self._height, self._width = fine.grey.shape
        x, y = points.x, points.y
        index = y.astype(np.intp) * self._width + x.astype(np.intp)
        self._target = [plane.ravel()[index] for plane in (
            fine.grey, fine.gradient_x, fine.gradient_y, template.laplacian)]
        # By the inverse variance of what defocus displaces, up to a factor; see
        # `systematic_error`.
        blurred = np.float32(BLURRED) / np.maximum(points.sharpness, np.float32(1e-3))
        below = 1 + np.square(np.square(blurred))
        self._weight = np.square(points.sharpness / below)
        # A run is in the part that its first pixel is in.
        self._part = (y / np.float32(self._height) * np.float32(DOWN)).astype(np.intp) * ACROSS + (
            x // RUN * RUN / np.float32(self._width) * np.float32(ACROSS)).astype(np.intp)
        self._part_weight = self._total(self._weight)
        self._part_sharpness = self._total(self._weight * points.sharpness)
        if self._part_sharpness.sum() < even_below * self._part_weight.sum():
            # There the few sharp places would count for all, and err alike. By the inverse of the
            # variance of what is left: of noise, and of what defocus displaces.
            moved = np.float32(DOUBT) / np.maximum(points.sharpness, np.float32(1e-3))
            slope = np.square(self._target[1]) + np.square(self._target[2])
            self._weight = 1 / (np.square(below) * (
                np.float32(NEAR ** 2) + slope * np.square(moved)))
        self._weight /= self._weight.mean()

    def _total(self, values: FloatImage) -> NDArray[np.float64]:
        return np.asarray(np.bincount(self._part, values, ACROSS * DOWN), np.float64)

    def sums(self, transform: Transform, model: str, *, judged: bool) -> Sums | None:
        """Return what they add up to; None where a step is not determined or goes astray."""
        factor = self._template.level.factor
        centre = ((self._width - 1) / 2, (self._height - 1) / 2)
        unit, count = max(self._width, self._height) / 2, PARAMETERS[model]
        local, light = reduced(transform, factor), np.array([1.0, 0.0, 0.0])
        for wide in ROBUST:
            self._look(local, light, wide)
            # The tone is kept near none.
            prior = (float(self._scale) / TONE) ** 2
            last, before = self._step(model, self._pixel_weight, prior, light[2]), local
            try:
                step = np.asarray(np.linalg.solve(last.normal, -last.right), np.float64)
            except np.linalg.LinAlgError:
                return None
            local = joined(local, identity() + generator(model, step[:count], centre, unit))
            tone, light = light[2], light + step[count:]
            if not (np.isfinite(step).all() and 0.1 < light[0] < 10):
                return None
        shared = self._part_sharpness * self._shared()
        scatter, pulls = self._scatter(model, self._pixel_weight)
        free, parts = None, None
        if judged:
            parts = self._local()
            # From all pixels, not from those alone that fit as it is.
            every = self._weight * self._inside / np.square(1 + np.square(
                self._spread / (np.float32(ROBUST[0]) * self._scale)))
            free = self._step(RICHEST, every, prior, tone)
            free = StepSums(free.normal, free.right, *self._scatter(RICHEST, every))
        return Sums(self._template.shape, factor, self._template.coarse.factor,
                    reduced(local, 1 / factor), reduced(before, 1 / factor),
                    StepSums(last.normal, last.right, scatter, pulls),
                    self._part_weight, shared, free, parts)

    def _look(self, local: Transform, light: NDArray[np.float64], wide: float) -> None:
        """
        See how the slices differ.

        :param local: template pixel -> image pixel, of the level
        :param light: gain, bias and tone
        :param wide: scale of the robust weight, in median residuals
        """
        gain, bias, tone = light.astype(np.float32)
        points, (target, target_x, target_y, target_bend) = self._points, self._target
        x, y, amount = points.x, points.y, points.amount
        u, v = moved(local, x, y)
        self._inside = ((u >= 2) & (v >= 2) & (u <= self._width - 3) & (v <= self._height - 3))
        u, v = u.clip(2, self._width - 3), v.clip(2, self._height - 3)
        self._grey, image_x, image_y = sample_level(self._image.level, u, v)
        self._bend = bend = sample(self._image.laplacian, u, v, cv2.INTER_LINEAR)
        moved_x, moved_y = gradients_moved(local, (x, y), (u, v), (image_x, image_y))
        self._slopes = slope_x, slope_y = (np.float32(0.5) * (target_x + gain * moved_x),
                                           np.float32(0.5) * (target_y + gain * moved_y))
        error = gain * self._grey + bias - target
        error -= amount[0] * np.float32(0.5) * (target_bend + gain * bend)
        error -= np.float32(SPREADING) * (amount[1] * slope_x + amount[2] * slope_y)
        # Light diffuses, not its encoding by a power p: that adds a (1 / p - 1) grad(M)² / M.
        self._curve = -amount[0] * (slope_x * slope_x + slope_y * slope_y) / np.maximum(
            np.float32(0.5) * (target + gain * self._grey), np.float32(DARK))
        error += tone * self._curve
        some = slice(None, None, max(1, len(error) // MEDIAN) | 1)
        self._error, self._spread = error, np.abs(error - np.median(error[some]))
        self._scale = np.float32(max(wide * float(np.median(self._spread[some])), LEAST_SPREAD))
        self._pixel_weight = self._weight * self._inside / np.square(
            1 + np.square(self._spread / self._scale))

    def _fields(self, model: str) -> FloatImage:
        """Return (m, N) derivatives of the error by each unknown."""
        unit = np.float32(max(self._width, self._height) / 2)
        x = (self._points.x - np.float32((self._width - 1) / 2)) / unit
        y = (self._points.y - np.float32((self._height - 1) / 2)) / unit
        return np.stack([*gradient_fields(model, x, y, *self._slopes), self._grey,
                         np.ones_like(x), self._curve])

    def _step(self, model: str, weight: FloatImage, prior: float, tone: float) -> StepSums:
        """Return a step's normal matrix and right side."""
        fields = self._fields(model)
        weighted = fields * weight
        normal = (weighted @ fields.T).astype(np.float64)
        right = (weighted @ self._error).astype(np.float64)
        normal[-1, -1] += prior
        right[-1] += prior * tone
        return StepSums(normal, right, np.empty(0), np.empty(0))

    def _scatter(self, model: str, weight: FloatImage
                 ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return a step's scatter and pulls."""
        weighted = self._fields(model) * weight
        scores = weighted * self._error
        return ((scores @ scores.T).astype(np.float64),
                np.stack([np.stack([self._total(each) for each in weighted * slope], axis=1)
                          for slope in self._slopes]))

    def _shared(self) -> NDArray[np.float64]:
        """Return what both share of each part's detail: noise is sharp, too, but not alike."""
        weight, ours, theirs = self._weight * self._inside, self._target[3], self._bend
        energy = np.sqrt(self._total(weight * ours * ours) * self._total(weight * theirs * theirs))
        both = np.maximum(self._total(weight * ours * theirs), 0)
        return np.divide(both, energy, out=np.zeros_like(energy), where=energy > 0)

    def _local(self) -> NDArray[np.float64]:
        """Return how each part fits."""
        a, b = self._slopes
        counts = self._weight * self._inside
        # An L1 norm: as robust as needed, and yet it sees what lies beside.
        weight = counts / (np.abs(self._error) + np.float32(NEAR))
        one, p, q = np.ones_like(a), weight * a * self._error, weight * b * self._error
        points = self._points
        return np.stack([self._total(each) for each in (
            one, one * (counts > 0), points.sharpness, points.x, points.y, weight * a * a,
            weight * a * b, weight * b * b, p, q, p * p, p * q, q * q)], axis=1)

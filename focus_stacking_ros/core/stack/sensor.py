# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is known of a camera's sensor from stack to stack: spots to be filled from around."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
from focus_stacking_ros.core.focus.measure import GREY_STEPS, luma
from focus_stacking_ros.core.slices import FloatImage, Image
from focus_stacking_ros.core.stack.sensor_defects import Places, square
import numpy as np
from numpy.typing import NDArray

__all__ = ['Sensor', 'SensorDefects']

_NEAREST, _FARTHEST = 16, 8  # pixels that a pixel is filled from, and their greatest distance
# A spot that is known is kept while in most slices it has that share of the contrast that it had:
# less strict than what finds one, lest it comes and goes.
_MOST, _STANDS_OUT = 0.5, 0.25


class Sensor:
    """
    A camera's sensor.

    Slices that are added are without the spots that are known. A spot that does not stand out in
    a stack any more, as dust that was wiped off, is not known afterwards.
    """

    def __init__(self) -> None:
        self._shape: tuple[int, ...] = ()
        self._found: list[SensorDefects] = []  # those of a stack together

    def begin(self) -> None:
        """Begin a stack."""
        for each in self._found:
            each.contrasts.clear()

    def filled(self, images: Sequence[Image]) -> list[Image]:
        """Return images of a slice without the spots that are known."""
        if self._shape != images[0].shape[:2]:
            self._found, self._shape = [], images[0].shape[:2]  # of another camera, or part of it
        for each in self._found:
            images = [each.filled(image) for image in images]
        return list(images)

    def review(self) -> None:
        """Keep, at the end of a stack, what has stood out in it."""
        self._found = [kept for each in self._found if (kept := each.lasting()) is not None]

    def learn(self, defects: SensorDefects) -> None:
        """Take note of further spots, by the images of a stack that they have filled."""
        self._shape = defects.shape
        defects.settle()
        self._found.append(defects)

    def note(self, *, anew: bool) -> tuple[str, ...]:
        """
        Return what a user should know, if anything.

        :param anew: whether slices had to be processed again
        """
        count = sum(map(len, self._found))
        if not count:
            return ()
        x, y = self._found[0].first
        what = f'{count} spots of the sensor stay' if count > 1 else 'a spot of the sensor stays'
        redone = ('. All slices were processed again, as that was not known before; further '
                  'stacks of the same camera need it no more' if anew else '')
        return (f'{what} put while the picture moves, as defective pixels and dust do, '
                f'{"one" if count > 1 else "it is"} at pixel {x}, {y}: filled from around'
                f'{redone}. Clean the sensor, or let the camera correct its pixels; '
                'input.sensor_defects false leaves them as they are',)


class SensorDefects:
    """
    Spots of a sensor that are filled from around them.

    :param spots: (H, W) bool
    """

    def __init__(self, spots: NDArray[np.bool_]) -> None:
        #: Height and width of the images, pixels.
        self.shape = spots.shape
        self._at = np.flatnonzero(spots)
        self._from, self._weights = _nearest(spots, self._at)
        labels = cv2.connectedComponents(spots.view(np.uint8))[1].ravel()[self._at]
        self._number = labels - 1
        self._sizes = np.bincount(self._number)
        self._usual = np.zeros(len(self._sizes), np.float32)
        #: By how much the spots stood out in the images that were filled, 8-bit grey levels.
        self.contrasts: list[FloatImage] = []

    def __len__(self) -> int:
        """Return how many spots there are."""
        return len(self._sizes)

    @property
    def first(self) -> tuple[int, int]:
        """Return x and y of a pixel of a spot."""
        return int(self._at[0] % self.shape[1]), int(self._at[0] // self.shape[1])

    def filled(self, image: Image) -> Image:
        """Return an image in which they are not seen."""
        result = image.copy()
        pixels = result.reshape(self.shape[0] * self.shape[1], -1)
        means = np.einsum('nkc,nk->nc', pixels[self._from].astype(np.float32), self._weights)
        pixels[self._at] = np.rint(means).astype(image.dtype)
        at = np.unravel_index(self._at, self.shape)
        before, after = (luma(each[at][None]).astype(np.float32) for each in (image, result))
        self.contrasts.append(np.asarray(np.bincount(
            self._number, (before - after)[0]) / (GREY_STEPS * self._sizes), np.float32))
        return result

    def settle(self) -> None:
        """Take what stood out in the images so far for what is usual."""
        self._usual = np.asarray(np.median(self.contrasts, axis=0), np.float32)
        self.contrasts.clear()

    def lasting(self) -> SensorDefects | None:
        """Return those that still stand out in most of the images; None for none."""
        if not self.contrasts:
            return self
        stands_out = np.stack(self.contrasts) * np.sign(self._usual) >= (
            _STANDS_OUT * np.abs(self._usual))
        self.contrasts.clear()
        kept = stands_out.mean(axis=0) > _MOST
        if kept.all():
            return self
        if not kept.any():
            return None
        spots, pixels = np.zeros(self.shape, np.bool_), kept[self._number]
        spots.ravel()[self._at[pixels]] = True
        result = SensorDefects(spots)
        result._usual[result._number] = self._usual[self._number[pixels]]
        return result


def _nearest(spots: NDArray[np.bool_], at: Places) -> tuple[Places, FloatImage]:
    """
    Return the pixels that those of spots are filled from, and their weights, (n, 16) each.

    The weights are those of inverse square distances (D. Shepard, "A two-dimensional interpolation
    function for irregularly-spaced data", ACM National Conference, 1968,
    doi:10.1145/800186.810616).
    """
    down, across = square(0, _FARTHEST)
    order = np.argsort(down * down + across * across, kind='stable')
    down, across = down[order], across[order]
    rows = at[:, None] // spots.shape[1] + down
    columns = at[:, None] % spots.shape[1] + across
    known = (rows >= 0) & (rows < spots.shape[0]) & (columns >= 0) & (columns < spots.shape[1])
    rows, columns = rows.clip(0, spots.shape[0] - 1), columns.clip(0, spots.shape[1] - 1)
    known &= ~spots[rows, columns]
    first = np.argsort(~known, axis=1, kind='stable')[:, :_NEAREST]
    pixels = np.take_along_axis(rows * spots.shape[1] + columns, first, axis=1)
    weights = np.take_along_axis(known / (down * down + across * across), first, axis=1)
    return pixels, np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)

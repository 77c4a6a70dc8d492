# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Whether the all-in-focus image is as sharp as its slices were: what every result is checked for.

Sharpness is the energy of the Laplacian after a slight smoothing, over blocks of 8 by 8 pixels in
some bands of rows. They are a sample: of n blocks with texture, a share s that is blurred is known
within sqrt(s (1 - s) / n), a hundredth of a thousand within 0.3 %, however large the picture is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
import itertools

import cv2
from focus_stacking_ros.core.align.warping import identity, is_affine
from focus_stacking_ros.core.focus.measure import GREY_STEPS
from focus_stacking_ros.core.fuse.detail_energy import along, BLOCKS, SIDE
from focus_stacking_ros.core.fuse.stages import FusionStages, PortableFusion
from focus_stacking_ros.core.slices import FloatImage, Image, Transform
from focus_stacking_ros.core.threads import lasting_tasks
import numpy as np
from numpy.typing import NDArray

__all__ = ['SharpnessBands', 'SharpnessOfSlices', 'Shortfall', 'looked_at']

_NEAREST, _BANDS = 12, 6  # block rows from band to band at least, and bands wanted
_NOISE_ENERGY = 0.37  # of white noise of variance 1
_SHORT = 0.5  # share of the sharpest slice's sharpness below which a block is blurred
_LEAST_SHARE = 0.01  # of the textured blocks that are blurred before anything is told
_PLAIN = 4.0  # times the other slices' energy that the sharpest one has where it matters
_TEXTURED, _LEAST_ENERGY = 9.0, 4.0  # energy of texture: times that of noise, square grey levels
_FAINT = 1 / 16  # of the energy beside: what is fainter may be the blurred rim of that
_RIM = 20  # pixels: towards its own rim a slice counts less and less in the fusion
_FEWEST = 100  # textured blocks from which on a share means anything
_TILE = 8  # blocks along each side of a place that is named
_NAMED = 5  # places
#: Greatest step of the slices looked at, in widths of the focus curve. At a quarter of the width
#: from its peak, half such a step, a normal curve has exp(-1 / 16) = 94 % of its energy.
_STEP = 0.5


@dataclass(frozen=True)
class Shortfall:
    """
    Where a result is far less sharp than the sharpest slice.

    :param share: of the textured blocks
    :param boxes: x, y, width and height of the worst places, pixels of the result, worst first
    :param certain: whether that is more than little, and so many blocks that it is no chance
    """

    share: float
    boxes: tuple[tuple[int, int, int, int], ...]
    certain: bool

    def note(self, method: str) -> str:
        """Return what a user should know of it, '' where that is nothing."""
        if not self.certain:
            return ''
        places = '; '.join(' '.join(map(str, box)) for box in self.boxes)
        cause = ('the average that streaming keeps is less sharp than what the default method '
                 'chooses' if method == 'streaming'
                 else 'the depth may be wrong there, or slices lie beside each other')
        return ('the all-in-focus image has less than half the sharpness of the sharpest slice '
                f'in {100 * self.share:.1f} % of the textured picture, most of all at (x y width '
                f'height) {places}: {cause}')


class SharpnessBands:
    """
    The greatest sharpness of all slices and that of the others, in one grid; nothing grows.

    :param shape: height and width of the grid, pixels
    :param stages: who finds how sharp a slice is
    """

    def __init__(self, shape: tuple[int, ...], stages: FusionStages | None = None) -> None:
        self._stages = PortableFusion() if stages is None else stages
        self._shape = (shape[0], shape[1])
        rows, columns = shape[0] // SIDE, shape[1] // SIDE
        pitch = max(rows // _BANDS, _NEAREST)
        self._tops = range(0, rows - BLOCKS + 1, pitch) if columns else range(0)
        size = (BLOCKS * len(self._tops), columns)
        below = [top + row for top in self._tops for row in range(BLOCKS)]
        #: x of the blocks' centres in a row, y of them in a column.
        self._centres = tuple(np.array(each, np.float64) * SIDE + (SIDE - 1) / 2
                              for each in (range(columns), below))
        self._greatest: FloatImage = np.zeros(size, np.float32)
        self._total: FloatImage = np.zeros(size, np.float32)
        self._count = np.zeros(size, np.int32)

    def add(self, energy: FloatImage) -> None:
        """Add a slice by what `energy` returns of it."""
        seen = np.nan_to_num(energy)
        self._total += seen
        np.maximum(self._greatest, seen, out=self._greatest)
        self._count += ~np.isnan(energy)

    def energy(self, image: Image, transform: Transform, gain: float = 1.0) -> FloatImage:
        """
        Return the sharpness of an image in the blocks, NaN where it does not reach.

        :param image: (H, W) or (H, W, 3) uint8 or uint16 in the full range, or luma as int16 in
            1/16 grey level
        :param transform: pixel of the grid -> pixel of the image
        :param gain: factor on its grey values
        """
        found = self._stages.energy(
            image, transform, [top * SIDE for top in self._tops], self._greatest.shape[1])
        found *= np.float32((gain / GREY_STEPS) ** 2)
        found[~self._inside(transform, image.shape)] = np.nan
        return found

    def _inside(self, transform: Transform, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """Return which blocks lie well within an image."""
        x, y = self._centres
        rows, columns = (along(line, x, y[:, None]) for line in (transform[1], transform[0]))
        if not is_affine(transform):
            below = along(transform[2], x, y[:, None])
            rows, columns = rows / below, columns / below
        inside = np.ones(self._greatest.shape, bool)
        for place, side in (rows, shape[0]), (columns, shape[1]):
            inside &= place >= _RIM
            inside &= place <= side - 1 - _RIM
        return inside

    def shortfall(self, energy: FloatImage, noise: float) -> Shortfall:
        """
        Return where a result is less sharp than the slices were.

        :param energy: of the result
        :param noise: standard deviation of the slices' noise, 8-bit grey levels
        """
        level = np.float32(_NOISE_ENERGY * noise ** 2)
        others = (self._total - self._greatest) / np.maximum(
            self._count - 1, 1).astype(np.float32)
        textured = (self._greatest > np.float32(_PLAIN) * others) & (
            self._greatest > np.float32(_TEXTURED) * level + np.float32(_LEAST_ENERGY))
        textured &= self._is_judged() & ~np.isnan(energy)
        # Its own noise is not taken off: fused of many slices it may have none.
        short = textured & (energy < np.float32(_SHORT ** 2) * (self._greatest - level))
        count, blurred = int(np.count_nonzero(textured)), int(np.count_nonzero(short))
        # Of few blocks some may be so by chance.
        certain = bool(count >= _FEWEST
                       and blurred - 2 * blurred ** 0.5 > _LEAST_SHARE * count)
        return Shortfall(blurred / max(count, 1), self._worst(short), certain)

    def _is_judged(self) -> NDArray[np.bool_]:
        """Return where a block is no rim of a far sharper one."""
        beside = np.zeros_like(self._greatest)
        inner = np.zeros(beside.shape, bool)
        for top in range(0, len(beside), BLOCKS):
            rows = slice(top, top + BLOCKS)
            beside[rows] = cv2.dilate(self._greatest[rows], np.ones((3, 5), np.uint8))
            inner[rows][1:-1] = True
        return inner & (self._greatest > np.float32(_FAINT) * beside)

    def _worst(self, short: NDArray[np.bool_]) -> tuple[tuple[int, int, int, int], ...]:
        """Return the places with the most blurred blocks."""
        counts: list[tuple[int, int, int]] = []
        for number, top in enumerate(self._tops):
            for left in range(0, short.shape[1], _TILE):
                count = np.count_nonzero(
                    short[number * BLOCKS:(number + 1) * BLOCKS, left:left + _TILE])
                if count:
                    counts.append((-count, top * SIDE, left * SIDE))
        side, (height, width) = _TILE * SIDE, self._shape
        return tuple((left, max(top + BLOCKS * SIDE // 2 - side // 2, 0),
                      min(side, width - left), min(side, height - top))
                     for _, top, left in sorted(counts)[:_NAMED])


def looked_at(ranks: Sequence[int], steps: NDArray[np.float32], span: float) -> list[int]:
    """
    Return the slices that a result is compared with: in a fine sweep not all.

    :param ranks: of the slices that may be, rising
    :param steps: (n,) float32, coordinate of every slice, rising
    :param span: standard deviation of the focus curve, in that coordinate
    """
    taken = list(ranks[:1])
    for here, after in itertools.pairwise(ranks[1:]):
        if steps[after] - steps[taken[-1]] > _STEP * span:
            taken.append(here)
    return [*taken, *ranks[1:][-1:]]


class SharpnessOfSlices:
    """
    How sharp slices are that a result is compared with: found in threads while it is made.

    :param shape: height and width of the result, pixels
    :param slices: image, (H, W) or (H, W, 3) uint8 or uint16 in the full range, result pixel ->
        its pixel, and factor on its grey values that gives the result's, of each
    :param stages: who finds how sharp they are; the portable ones by default
    """

    def __init__(self, shape: tuple[int, ...], slices: Iterable[tuple[Image, Transform, float]],
                 stages: FusionStages | None = None) -> None:
        self._bands = SharpnessBands(shape, stages)
        tasks = lasting_tasks('self check')
        self._found = [tasks.submit(self._bands.energy, *each) for each in slices]

    def shortfall(self, image: Image, noise: float) -> Shortfall:
        """
        Return where a result is less sharp than its slices.

        :param image: in the shape of the result, as the slices are
        :param noise: standard deviation of the slices' noise, 8-bit grey levels
        """
        while self._found:
            self._bands.add(self._found.pop(0).result())
        return self._bands.shortfall(self._bands.energy(image, identity()), noise)

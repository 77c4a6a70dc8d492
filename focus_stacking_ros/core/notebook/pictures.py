# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The notebook's pictures, a file for each step; each is made only when it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import cv2
from focus_stacking_ros.core.files.animation import encode_animation
from focus_stacking_ros.core.files.pictures import eight_bit
from focus_stacking_ros.core.files.png_encoding import encode_png
from focus_stacking_ros.core.focus.measure import GREY_STEPS, luma
from focus_stacking_ros.core.notebook.linear_filters import filtered_response
from focus_stacking_ros.core.notebook.other_filters import entropy_filter, quantised
from focus_stacking_ros.core.notebook.post_processing import post_processed
from focus_stacking_ros.core.notebook.steps import AlignedSlice, MARGIN, SELECTING, Steps, WEIGHING
from focus_stacking_ros.core.slices import FloatImage, Image
import numpy as np
from numpy.typing import NDArray

__all__ = ['entropy_levels', 'image_adjust', 'step_files']

_ENTROPY_RADIUS = 3  # pixels
_BRIGHTEST = 99.9  # percentile of the responses that is shown as white
_ANIMATION_WIDTH = 320  # pixels, of each half
_ANIMATION_MILLISECONDS = 400


def image_adjust(image: FloatImage, white: float) -> NDArray[np.uint8]:
    """
    ``ImageAdjust``: levels from 0 to ``white`` stretched to the whole range.

    One ``white`` for the whole stack keeps its slices comparable.

    :param image: (H, W) float32
    :param white: value shown as white
    """
    return np.asarray(cv2.convertScaleAbs(np.maximum(image, 0), alpha=255 / max(white, 1e-9)))


def _white(image: FloatImage) -> float:
    """Return what is shown as white, so that single glints do not darken all else."""
    return float(np.percentile(image[::4, ::4], _BRIGHTEST))


def _without_margin(picture: NDArray[Any]) -> NDArray[Any]:
    """Return a picture, black in the margin that the notebook cuts off."""
    inner = np.s_[MARGIN:-MARGIN, MARGIN:-MARGIN]
    result = np.zeros_like(picture)
    result[inner] = picture[inner]
    return result


def _depth_map(levels: NDArray[np.uint8], slices: int) -> NDArray[np.uint8]:
    """Return the depth map, slice / number of slices, as grey levels; black is none."""
    return np.asarray(np.rint(levels * np.float32(255 / slices)).astype(np.uint8))


def entropy_levels(slices: tuple[AlignedSlice, ...]) -> NDArray[np.uint8]:
    """
    Return the depth by the EntropyFilter in place of the LaplacianGaussianFilter.

    :param slices: near to far
    :returns: (H, W) uint8, slice of the greatest entropy counted from 1, 0 in the margin
    """
    shape = slices[0].source.image.shape[:2]
    greatest = np.full(shape, -1, np.float32)
    level = np.zeros(shape, np.uint8)
    for number, each in enumerate(slices, 1):
        entropy = entropy_filter(quantised(luma(each.image()), 255 * GREY_STEPS),
                                 _ENTROPY_RADIUS)
        valid = each.valid()
        if valid is not None:
            entropy[valid == 0] = -1
        greater = entropy > greatest
        greatest[greater] = entropy[greater]
        level[greater] = number
    return _without_margin(level)


def _response(each: AlignedSlice, kind: tuple[int, float], white: float) -> NDArray[np.uint8]:
    return _without_margin(image_adjust(filtered_response(each.image(), *kind), white))


def _depth_volume(each: AlignedSlice, greatest: FloatImage) -> NDArray[np.uint8]:
    """Return ``UnitStep[response - max]`` of one slice: white where it is selected."""
    selected = filtered_response(each.image(), *SELECTING) >= greatest
    valid = each.valid()
    if valid is not None:
        selected &= valid > 0
    return _without_margin(selected.view(np.uint8) * np.uint8(255))


def _animation(steps: Steps, white: float) -> bytes:
    """Return slices and responses side by side, one frame per slice."""
    frames = []
    for each in steps.slices:
        halves = [eight_bit(each.image()), eight_bit(_response(each, SELECTING, white))]
        width = min(_ANIMATION_WIDTH, halves[0].shape[1])
        height = max(round(halves[0].shape[0] * width / halves[0].shape[1]), 1)
        frames.append(np.hstack([cv2.resize(half, (width, height), interpolation=cv2.INTER_AREA)
                                 for half in halves]))
    return encode_animation(frames, _ANIMATION_MILLISECONDS)


def step_files(steps: Steps) -> dict[str, Callable[[], Any]]:
    """
    Return the files of all steps: by name, functions that return a PNG file's bytes.

    Numbers at the end of a name count the slices near to far.
    """
    return {f'notebook/{name}.png': make for name, make in _makers(steps)}


def _makers(steps: Steps) -> Iterator[tuple[str, Callable[[], Any]]]:
    slices = len(steps.slices)
    white = _white(steps.greatest)
    digits = max(2, len(str(slices - 1)))

    def png(make: Callable[..., Image], *inputs: Any) -> Callable[[], Any]:
        return lambda: encode_png(make(*inputs))

    for number, each in enumerate(steps.slices):
        place = f'{number:0{digits}d}'
        yield f'01_aligned_{place}', png(each.image)
        for kind in (SELECTING, WEIGHING):
            yield f'02_focus_response_r{kind[0]}_{place}', png(_response, each, kind, white)
        yield f'03_depth_volume_{place}', png(_depth_volume, each, steps.greatest)
    yield '04_in_focus', png(lambda: steps.in_focus)
    yield '05_weighted', png(lambda: steps.weighted)
    yield '06_depth_raw', png(_depth_map, steps.raw, slices)
    yield '07_confidence', png(image_adjust, steps.confidence, _white(steps.confidence))
    yield '08_depth_masked', png(_depth_map, steps.masked, slices)
    yield '09_depth_filled', png(_depth_map, steps.filled, slices)
    yield '10_depth_entropy', png(lambda: _depth_map(entropy_levels(steps.slices), slices))
    yield '11_post_processed', png(post_processed, steps.in_focus)
    yield '12_slices_and_responses', partial(_animation, steps, white)

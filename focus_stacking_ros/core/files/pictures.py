# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures for people: coloured depth and confidence, and an overview of a whole stack."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
import itertools

import cv2
from focus_stacking_ros.core.slices import FloatImage, Image, StackResult
from focus_stacking_ros.core.threads import lasting_threads
import numpy as np
from numpy.typing import NDArray

__all__ = ['confidence_picture', 'depth_picture', 'eight_bit', 'magnification_rises', 'overview',
           'reduced_to', 'robust_range', 'strip_ranks', 'strip_width']

Picture = NDArray[np.uint8]  # (H, W, 3) blue-green-red

_INK = (235, 235, 235)
_PAPER = 28
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_PANEL = 800  # pixels: width of an overview's panel
_STRIP = 9  # thumbnails at most
_BAND_PIXELS = 1 << 16  # that are worked on at a time


def eight_bit(image: Image, bits: int = 16) -> Picture:
    """
    Return a grey or colour image as (H, W, 3) uint8.

    :param image: (H, W) or (H, W, 3) uint8 or uint16
    :param bits: significant ones of a uint16 image, 8 or more
    """
    if image.dtype == np.uint16:
        image = np.minimum(image >> max(bits - 8, 0), 255).astype(np.uint8)
    return cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image


def robust_range(values: FloatImage) -> tuple[float, float]:
    """Return the 1st and 99th percentile of the finite values, (0, 1) where there are none."""
    known = np.isfinite(values)
    finite = values.ravel() if known.all() else values[known]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = np.percentile(finite[::max(finite.size // 200_000, 1)], (1, 99))
    return float(low), float(high)


def depth_picture(values: FloatImage, near: float, far: float) -> Picture:
    """
    Return a depth map in colours: red is near, blue is far, black is unknown.

    :param values: (H, W) float32, metres or slice index, NaN unknown
    :param near: value shown as nearest
    :param far: value shown as farthest
    """
    span = far - near if far != near else 1.0
    greys, unknown = np.empty(values.shape, np.uint8), ~np.isfinite(values)
    for rows in _bands(values):
        level = (far - values[rows]) / np.float32(span)
        level[unknown[rows]] = 0
        greys[rows] = _bytes_of(level)
    picture = cv2.applyColorMap(greys, cv2.COLORMAP_TURBO)
    picture[unknown] = 0
    return picture


def confidence_picture(confidence: FloatImage) -> Picture:
    """Return a confidence map in greys: white is 1."""
    return eight_bit(_confidence_greys(confidence))


def _confidence_greys(confidence: FloatImage) -> NDArray[np.uint8]:
    greys = np.empty(confidence.shape, np.uint8)
    for rows in _bands(confidence):
        greys[rows] = _bytes_of(confidence[rows].copy())
    return greys


def _bands(plane: FloatImage) -> Iterator[slice]:
    """Yield rows of a plane, so many that what is computed from them stays in the cache."""
    count = max(_BAND_PIXELS // plane.shape[1], 1)
    for first in range(0, len(plane), count):
        yield slice(first, first + count)


def _bytes_of(level: FloatImage) -> NDArray[np.uint8]:
    """Return levels of 0 to 1, which are written over, as bytes."""
    np.clip(level, 0, 1, out=level)
    level *= 255
    return level.astype(np.uint8)


@dataclass(frozen=True)
class _Text:
    """Words, the place of their left lower corner in pixels, and their size."""

    words: str
    x: int
    y: int
    size: float


@dataclass(frozen=True)
class _Panel:
    """A part of a picture, and what is to be written on it."""

    picture: Picture
    texts: list[_Text]


def _joined(rows: Sequence[Sequence[_Panel]]) -> Picture:
    """Return panels beside and below each other, once their texts are written on them."""
    def write() -> None:
        for panel in itertools.chain(*rows):
            for text in panel.texts:
                cv2.putText(panel.picture, text.words, (text.x, text.y), _FONT, text.size, _INK,
                            1, cv2.LINE_AA)

    # OpenCV 5 loads its font once for every thread, which takes longer than all the words.
    with lasting_threads('words', 1) as thread:
        thread.submit(write).result()
    return np.vstack([np.hstack([panel.picture for panel in row]) for row in rows])


def reduced_to(image: Image, width: int, height: int) -> Image:
    """
    Return an image made smaller, every pixel the mean of what it covers.

    :param image: (H, W) or (H, W, 3)
    :param width: of the result, at most that of the image
    :param height: of the result, at most that of the image
    """
    # By two it is many times faster than by any other factor.
    while (image.shape[0] >= 2 * height and image.shape[1] >= 2 * width
           and image.shape[0] % 2 == image.shape[1] % 2 == 0):
        image = cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2),
                           interpolation=cv2.INTER_AREA)
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def _fitted(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    scale = min(width / image.shape[1], height / image.shape[0])
    size = max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1)
    return reduced_to(image, *size) if scale < 1 else cv2.resize(
        image, size, interpolation=cv2.INTER_NEAREST)


def _panel(image: NDArray[np.uint8], title: str, bar: Picture | None = None,
           labels: tuple[str, str] = ('', '')) -> _Panel:
    """Return an image of panel width with its title above and a scale bar below."""
    height = min(round(_PANEL * image.shape[0] / image.shape[1]), 2 * _PANEL)
    panel = np.full((height + 66, _PANEL, 3), _PAPER, np.uint8)
    texts = [_Text(title, 4, 20, 0.6)]
    fitted = eight_bit(_fitted(image, _PANEL, height))
    panel[30:30 + fitted.shape[0], :fitted.shape[1]] = fitted
    if bar is not None:
        panel[height + 36:height + 50, 150:_PANEL - 150] = cv2.resize(
            bar, (_PANEL - 300, 14), interpolation=cv2.INTER_LINEAR)
        texts += [_Text(labels[0], 4, height + 48, 0.5),
                  _Text(labels[1], _PANEL - 142, height + 48, 0.5)]
    return _Panel(panel, texts)


def magnification_rises(result: StackResult) -> bool:
    """Whether later slices see a narrower view, as a thin lens does when it focuses nearer."""
    height, width = result.confidence.shape
    centre = np.array([(width - 1) / 2, (height - 1) / 2, 1.0])
    # The determinant of a transform's derivative at a point.
    areas = [abs(float(np.linalg.det(report.transform) / (report.transform[2] @ centre) ** 3))
             for report in sorted((r for r in result.reports if r.rank is not None),
                                  key=lambda r: r.rank or 0) if report.transform is not None]
    return len(areas) > 1 and areas[-1] > areas[0] * 1.01


def _depth_panel(result: StackResult) -> _Panel:
    ramp = np.linspace(0, 1, 256, dtype=np.float32)[None]
    bar = depth_picture(ramp, 0.0, 1.0)
    if np.isfinite(result.depth_m).any():
        near, far = robust_range(result.depth_m)
        return _panel(depth_picture(result.depth_m, near, far), 'depth, black where unknown', bar,
                      (f'{near * 1e3:.2f} mm near', f'{far * 1e3:.2f} mm far'))
    low, high = robust_range(result.slice_index)
    title, ends = 'slice index of the sharpest slice', ('', '')
    if magnification_rises(result):
        low, high = high, low
        title, ends = f'{title}; near and far by the change of magnification', (' near', ' far')
    return _panel(depth_picture(result.slice_index, low, high), title, bar,
                  (f'slice {low:.1f}{ends[0]}', f'slice {high:.1f}{ends[1]}'))


def strip_width(count: int) -> int:
    """Return how wide, in pixels, a slice is shown in the strip of so many."""
    return max(2 * _PANEL // max(min(_STRIP, count), 1) - 8, 1)


def strip_ranks(count: int) -> list[int]:
    """Return which slices the strip shows of so many, counted from 0."""
    return sorted({int(rank) for rank in np.linspace(0, count - 1, min(_STRIP, count))})


def overview(slices: Sequence[Image], labels: Sequence[str], result: StackResult) -> Picture:
    """
    Return one picture of a stack: slices, all-in-focus image, depth and confidence.

    :param slices: the accepted slices (or reduced copies of them), near to far
    :param labels: a caption per slice
    :param result: the stack's result
    """
    bits = result.significant_bits
    picture = eight_bit(result.all_in_focus, bits)
    middle = eight_bit(slices[len(slices) // 2], bits)
    bar = confidence_picture(np.linspace(0, 1, 256, dtype=np.float32)[None])
    makers: list[Callable[[], _Panel]] = [
        lambda: _depth_panel(result),
        lambda: _panel(_confidence_greys(result.confidence), 'confidence', bar,
                       ('0 do not trust', '1 trust')),
        lambda: _panel(picture, 'all in focus'),
        lambda: _panel(middle, f'one slice: {labels[len(slices) // 2]}')]
    with lasting_threads('pictures') as threads:
        depth, confidence, fused, one = threads.results(lambda make: make(), makers)
    width = 2 * _PANEL
    chosen = strip_ranks(len(slices))
    cell = width // len(chosen)
    thumbnail = round((cell - 8) * picture.shape[0] / picture.shape[1])
    strip = np.full((min(thumbnail, 240) + 54, width, 3), _PAPER, np.uint8)
    texts = [_Text(f'focal stack, {len(slices)} slices', 4, 20, 0.6)]
    for place, number in enumerate(chosen):
        small = _fitted(eight_bit(slices[number], bits), cell - 8, min(thumbnail, 240))
        left = place * cell + 4
        strip[28:28 + small.shape[0], left:left + small.shape[1]] = small
        texts.append(_Text(labels[number], left, strip.shape[0] - 10, 0.42))
    return _joined([[_Panel(strip, texts)], [fused, one], [depth, confidence]])

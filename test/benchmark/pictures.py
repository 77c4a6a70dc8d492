# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of results beside the truth, with matplotlib: maps, hardest places, curves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
from helpers import metrics
import numpy as np
from numpy.typing import NDArray
from scores import comparable, index_error, Outcome
from truth_stack import TruthStack

__all__ = ['Place', 'draw_curves', 'draw_maps', 'draw_places', 'draw_reliability',
           'hardest_places']

CROP = 96  # pixels
ERROR_GREY_LEVELS = 40  # white of an error map
Results = Mapping[str, Outcome]


@dataclass(frozen=True)
class Place:
    """
    Where a result is worst.

    :param x: of the middle, pixels
    :param y: of the middle, pixels
    :param what: the error there, in words
    """

    x: int
    y: int
    what: str


def hardest_places(stack: TruthStack, outcome: Outcome, count: int = 2) -> list[Place]:
    """Return where the image is worst, in the open and at rims, and where confidence is wrong."""
    counted = metrics.inner(stack.index.shape)
    places: list[Place] = []
    if outcome.all_in_focus is not None and stack.all_in_focus is not None:
        square = np.square(_difference(stack, outcome))
        for words, mask in (('image in the open', counted & ~stack.occluded),
                            ('image at a rim', counted & stack.occluded)):
            places += [Place(x, y, f'{words}: off by {np.sqrt(value):.0f} grey levels')
                       for x, y, value in _peaks(square, mask, count)]
    if outcome.index is not None:
        error = np.minimum(index_error(stack, outcome.index), 4)
        confidence = np.ones_like(error) if outcome.confidence is None else outcome.confidence
        places += [Place(x, y, f'depth: off by {value:.2f} slices times confidence')
                   for x, y, value in _peaks(error * confidence, counted, count)]
    return places


def _peaks(values: NDArray[Any], mask: NDArray[np.bool_],
           count: int) -> Iterator[tuple[int, int, float]]:
    """Yield x, y and the mean over 15 x 15 pixels of the greatest means, a crop apart."""
    mean = cv2.boxFilter(np.where(mask, values, 0).astype(np.float64), -1, (15, 15))
    for _ in range(count):
        y, x = np.unravel_index(int(mean.argmax()), mean.shape)
        if mean[y, x] <= 0:
            return
        yield int(x), int(y), float(mean[y, x])
        mean[max(y - CROP // 2, 0):y + CROP // 2, max(x - CROP // 2, 0):x + CROP // 2] = 0


def draw_places(path: Path, stack: TruthStack, results: Results, places: list[Place]) -> None:
    """Draw a row per place: every method's image and error, true and found index, confidence."""
    pyplot = _pyplot()
    images = {name: outcome for name, outcome in results.items()
              if outcome.all_in_focus is not None and stack.all_in_focus is not None}
    maps = {name: outcome for name, outcome in results.items() if outcome.index is not None}
    first = next(iter(results.values()))
    columns: list[tuple[str, Any, dict[str, Any]]] = []
    if images:
        columns += [('truth', _screen(stack.all_in_focus), {})]
        columns += [(name, _screen(outcome.all_in_focus), {}) for name, outcome in images.items()]
        columns += [('image error', _difference(stack, first),
                     {'vmin': 0, 'vmax': ERROR_GREY_LEVELS, 'cmap': 'inferno'})]
    scale = {'vmin': stack.index.min(), 'vmax': stack.index.max(), 'cmap': 'viridis'}
    columns += [('true index', stack.index, scale)]
    columns += [(f'index, {name}', comparable(stack, outcome.index), scale)
                for name, outcome in maps.items()]
    if first.confidence is not None:
        columns += [('confidence', first.confidence, {'vmin': 0, 'vmax': 1, 'cmap': 'gray'})]
    figure, axes = pyplot.subplots(len(places), len(columns), squeeze=False, figsize=(
        1.7 * len(columns), 1.85 * len(places)), layout='constrained')
    for number, (row, place) in enumerate(zip(axes, places, strict=True)):
        window = _window(place, stack.index.shape)
        for axis, (title, picture, style) in zip(row, columns, strict=True):
            axis.imshow(picture[window], interpolation='nearest', **style)
            axis.set(xticks=[], yticks=[])
            if number == 0:
                axis.set_title(title.replace(' + ', '\n+ '), fontsize=7)
        row[0].set_ylabel(f'{place.x}, {place.y}\n' + place.what.replace(': ', ':\n'),
                          fontsize=6)
    figure.savefig(path, dpi=90)
    pyplot.close(figure)


def draw_maps(path: Path, stack: TruthStack, outcome: Outcome) -> None:
    """Draw the whole image, its error, the index, its error and the confidence."""
    pyplot = _pyplot()
    panels: list[tuple[str, Any, dict[str, Any]]] = []
    if outcome.all_in_focus is not None:
        panels += [('all in focus', _screen(outcome.all_in_focus), {})]
        if stack.all_in_focus is not None:
            panels += [('error, grey levels', _difference(stack, outcome),
                        {'vmin': 0, 'vmax': ERROR_GREY_LEVELS, 'cmap': 'inferno'})]
    if outcome.index is not None:
        scale = {'vmin': stack.index.min(), 'vmax': stack.index.max(), 'cmap': 'viridis'}
        panels += [('true slice index', stack.index, scale),
                   ('slice index', comparable(stack, outcome.index), scale),
                   ('error, slices', index_error(stack, outcome.index),
                    {'vmin': 0, 'vmax': 2, 'cmap': 'inferno'})]
    if outcome.confidence is not None:
        panels += [('confidence', outcome.confidence, {'vmin': 0, 'vmax': 1, 'cmap': 'gray'})]
    figure, axes = pyplot.subplots(2, 3, figsize=(13, 7), layout='constrained')
    for axis in axes.flat:
        axis.axis('off')
    for axis, (title, picture, style) in zip(axes.flat, panels, strict=False):
        shown = axis.imshow(picture, **style)
        axis.set_title(title, fontsize=8)
        if style:
            figure.colorbar(shown, ax=axis, shrink=0.7)
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def draw_curves(path: Path, stack: TruthStack, results: Results) -> None:
    """Draw sparsification curves and the reliability diagram of all methods with confidence."""
    pyplot = _pyplot()
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.6), layout='constrained')
    for number, (name, off, confidence) in enumerate(_confident(stack, results)):
        shares, remaining, best = metrics.sparsification_curves(off, confidence)
        left.plot(shares, remaining, color=f'C{number}', label=name)
        left.plot(shares, best, ':', color=f'C{number}')
        promised, kept, _ = metrics.reliability(off, confidence)
        right.plot(promised, kept, 'o-', color=f'C{number}', label=name)
    left.set(xlabel='share of pixels left out, least confident first', ylim=(0, None),
             ylabel='mean error of the rest, slices', title=f'{stack.name} (dotted: oracle)')
    _reliability_axes(right)
    left.legend(fontsize=7)
    figure.savefig(path, dpi=90)
    pyplot.close(figure)


def draw_reliability(path: Path, title: str,
                     diagrams: Mapping[str, tuple[Any, Any, Any]]) -> None:
    """
    Draw one reliability diagram of many stacks.

    :param diagrams: what `metrics.reliability` returns, by stack
    """
    pyplot = _pyplot()
    figure, axis = pyplot.subplots(figsize=(5, 4.2), layout='constrained')
    for promised, kept, share in diagrams.values():
        told = share > 0.002
        axis.plot(promised[told], kept[told], '-', color='C0', alpha=0.3, linewidth=1)
    share = np.array([each[2] for each in diagrams.values()])
    weight = np.maximum(share.sum(0), 1e-12)
    mean = [np.nansum(np.array([each[part] for each in diagrams.values()]) * share, 0) / weight
            for part in (0, 1)]
    axis.plot(*mean, 'o-', color='C3', linewidth=2, label='all stacks')
    _reliability_axes(axis)
    axis.set_title(title, fontsize=9)
    axis.legend(fontsize=8, loc='lower right')
    figure.savefig(path, dpi=80)
    pyplot.close(figure)


def _reliability_axes(axis: Any) -> None:
    axis.plot([0, 1], [0, 1], 'k--', linewidth=0.8)
    axis.set(xlabel='confidence', ylabel='share within one slice', xlim=(0, 1), ylim=(0, 1.02),
             title='reliability (above the line: as promised)')
    axis.grid(alpha=0.3)


def _confident(stack: TruthStack, results: Results) -> Iterator[tuple[str, Any, Any]]:
    """Yield name, absolute errors and confidences of the methods that have them."""
    counted = metrics.inner(stack.index.shape)
    for name, outcome in results.items():
        if outcome.index is not None and outcome.confidence is not None:
            yield (name, index_error(stack, outcome.index)[counted],
                   outcome.confidence[counted])


def _difference(stack: TruthStack, outcome: Outcome) -> NDArray[np.float64]:
    """Return (H, W) root mean square difference over the colours, grey levels."""
    image, truth = (metrics.grey_levels(each).astype(np.float64)
                    for each in (outcome.all_in_focus, stack.all_in_focus))
    return np.sqrt(np.square(image - truth).mean(2))


def _screen(image: Any) -> NDArray[np.uint8]:
    """Return red, green, blue of 8 bit."""
    return np.ascontiguousarray(metrics.grey_levels(image).astype(np.uint8)[..., ::-1])


def _window(place: Place, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Return rows and columns of a crop that lies inside the image."""
    top = min(max(place.y - CROP // 2, 0), max(shape[0] - CROP, 0))
    left = min(max(place.x - CROP // 2, 0), max(shape[1] - CROP, 0))
    return slice(top, top + CROP), slice(left, left + CROP)


def _pyplot() -> Any:
    import matplotlib as mpl
    mpl.use('Agg')
    from matplotlib import pyplot
    return pyplot

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of surfaces seen through one another, in tiles: the same peaks as of the whole picture."""

from __future__ import annotations

from focus_stacking_ros.core.depth import through_tiles
from focus_stacking_ros.core.depth.curves import PeakLayer, strongest_near
from focus_stacking_ros.core.depth.glow import Glow
from focus_stacking_ros.core.depth.seen_through import places_seen_through
from focus_stacking_ros.core.depth.through_tiles import with_seen_through
from focus_stacking_ros.core.depth.volume import FocusVolume, FocusWidths
from focus_stacking_ros.core.focus.measure import averaged, FOCUS_MEASURES
from helpers.curves import responses_of
import numpy as np
import pytest

SHAPE = (151, 203)
STEPS = np.arange(12, dtype=np.float32)
FLOOR = np.full(SHAPE, 2.0, np.float32)
WINDOW, NOISE = 5, FOCUS_MEASURES['ring_difference'].noise[1]
GLASS = np.s_[60:130, 90:170]


@pytest.fixture(scope='module')
def responses() -> list[np.ndarray]:
    """Return those of a tilted surface, weak in places, a part of it behind glass, with noise."""
    y, x = np.mgrid[:SHAPE[0], :SHAPE[1]]
    height = 3 + 30 * np.random.default_rng(7).random(SHAPE) ** 3
    volume = responses_of(6.0 + x / 60 + y / 90, STEPS, 1.0, height=height,
                          scatter=0.1).astype(np.int32)
    glass = responses_of(np.full(SHAPE, 2.0), STEPS, 1.0, floor=0.0, height=1.2 * height)
    for plane, more in zip(volume, glass, strict=True):
        plane[GLASS] += more[GLASS]
    return list(volume.astype(np.int16))


@pytest.fixture(scope='module')
def glow() -> Glow:
    """Return brightness that differs from pixel to pixel, so that its grid counts."""
    rng = np.random.default_rng(4)
    size = (SHAPE[0] // 2 + 1, SHAPE[1] // 2 + 1)
    levels = [rng.integers(100, 140, size).astype(np.uint8) for _ in STEPS]
    return Glow(levels, np.full(size, 120, np.uint8), np.diag([0.5, 0.5, 1]), SHAPE)


def volume_of(responses: list[np.ndarray], widths: FocusWidths | None = None) -> FocusVolume:
    return FocusVolume(responses, STEPS, FLOOR, WINDOW, NOISE, widths)


def in_tiles(responses: list[np.ndarray], glow: Glow, prefer: str, side: int
             ) -> tuple[list[PeakLayer], np.ndarray, list[tuple[slice, slice]]]:
    base = np.stack([averaged(plane, WINDOW)[0] for plane in responses])
    near, widths = strongest_near(base.max(axis=0)), volume_of(responses)._widths()
    places = places_seen_through(np.ascontiguousarray(base[:, ::2, ::2]), FLOOR[::2, ::2],
                                 NOISE.scatter_of(WINDOW), STEPS, widths.at_peak)
    layers = list(volume_of(responses, widths).layers(glow, places=np.zeros_like(places)))
    asked = []

    def part_of(part: tuple[slice, slice]) -> FocusVolume:
        asked.append(part)
        return FocusVolume([plane[part] for plane in responses], STEPS, FLOOR[part], WINDOW,
                           NOISE, widths, near[part])

    through_tiles._TILE, kept = side, through_tiles._TILE
    try:
        return layers, with_seen_through(layers, part_of, glow, places, prefer, WINDOW), asked
    finally:
        through_tiles._TILE = kept


@pytest.mark.parametrize('prefer', ['nearest', 'strongest', 'farthest'])
@pytest.mark.parametrize('side', [32, 44, 86, 192])
def test_tiles_tell_what_the_whole_picture_tells(responses, glow, prefer, side) -> None:
    whole = volume_of(responses)
    expected = list(whole.layers(glow, prefer))
    assert 0.1 < whole.through.mean() < 0.4
    layers, through, asked = in_tiles(responses, glow, prefer, side)
    np.testing.assert_array_equal(through, whole.through)
    for layer, other in zip(layers, expected, strict=True):
        np.testing.assert_allclose(layer.coordinate, other.coordinate, atol=1e-4)
        np.testing.assert_allclose(layer.weight, other.weight, atol=1e-4)
        np.testing.assert_allclose(layer.significance, other.significance, rtol=1e-4, atol=1e-3)
    # Nothing is looked for where there is nothing to be seen.
    number = -(-SHAPE[0] // side) * -(-SHAPE[1] // side)
    assert 0 < len(asked) < 0.7 * number


def test_the_preferred_surface_is_told_there_and_only_there(responses, glow) -> None:
    before = next(volume_of(responses).layers(glow, places=np.zeros((76, 102), bool)))
    near, far = (in_tiles(responses, glow, prefer, 48)[0][0] for prefer in ('nearest', 'farthest'))
    inside = np.s_[72:118, 102:158]
    assert np.abs(near.coordinate[inside] - 2).max() < 0.3
    assert (far.coordinate[inside] > 6).all()
    np.testing.assert_array_equal(near.coordinate[:30], before.coordinate[:30])

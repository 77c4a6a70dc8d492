# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the fit of one level: which pixels enter, and how sure it says to be."""

from __future__ import annotations

import cv2
from focus_stacking_ros.core.align import level_fit
from focus_stacking_ros.core.align.level_fit import _points, fit_level, systematic_error
from focus_stacking_ros.core.align.pyramid import Level, prepare, sample_level
from helpers.stacks import similarity, texture
import numpy as np
import pytest


def level(shape: tuple[int, int], transform: np.ndarray | None = None, noise: float = 0.0,
          seed: int = 0) -> Level:
    """Return the finest level of a slice that shows a texture, a level of its own size."""
    scene = texture((shape[0] + 40, shape[1] + 40), seed=1)
    there = similarity(shape, shift=(20, 20)) @ np.linalg.inv(
        np.eye(3) if transform is None else transform)
    seen = cv2.warpAffine(scene, there[:2], shape[::-1],
                          flags=cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP)
    seen = seen + noise * np.random.default_rng(seed).standard_normal(shape)
    return prepare(np.rint(16 * seen).astype(np.int16), 1).levels[0]


@pytest.mark.parametrize(('shape', 'expected'), [
    ((1200, 1600), 2 * 0.08 * 300 * 400), ((300, 400), 2 * 6000), ((150, 200), 2 * 6000),
    ((100, 120), 4 * 50 * 60)])
def test_the_sharpest_pixels_enter_and_of_large_levels_few(shape, expected) -> None:
    some = level(shape)
    rows, columns, sharpness = _points(some, some, np.eye(3))
    assert len(rows) == pytest.approx(expected, rel=0.1)
    assert len(set(zip(rows.tolist(), columns.tolist(), strict=True))) == len(rows)
    chosen = np.zeros(some.cells.shape, bool)
    chosen[rows // 2, columns // 2] = True
    # A threshold to six bits, and a few that are left out to make up whole blocks.
    assert np.count_nonzero(some.cells[~chosen] > 1.02 * sharpness.min()) < 32


@pytest.mark.parametrize(('side', 'known'), [(14, False), (20, True)])
def test_some_dozens_of_cells_are_too_few(side, known) -> None:
    scene, window = np.full((120, 160), 100.0, np.float32), np.zeros((120, 160), bool)
    window[40:40 + side, 60:60 + side] = True
    scene[window] = texture((120, 160))[window]
    frame = prepare(np.rint(16 * scene).astype(np.int16), 1).levels[0]
    only = Level(1, frame.grey, np.where(window[::2, ::2], frame.cells, 0), 3.0)
    assert (fit_level(only, only, np.eye(3), 'translation', 1e-3) is not None) == known


def test_it_takes_six_steps_at_most(monkeypatch) -> None:
    pair, calls = (level((160, 200)), level((160, 200), noise=3.0)), []
    monkeypatch.setattr(level_fit, 'sample_level', lambda *places: (
        calls.append(1), sample_level(*places))[1])
    assert fit_level(*pair, np.eye(3), 'affine', 0.0) is not None
    assert len(calls) == 6
    calls.clear()
    fit_level(*pair, np.eye(3), 'affine', np.inf)
    assert len(calls) == 1


def test_what_defocus_leaves_to_doubt() -> None:
    assert systematic_error(1.0, 2) == pytest.approx(0.08, rel=0.01)
    assert systematic_error(0.2, 1) == pytest.approx(2 * 0.04 / 0.2)
    assert systematic_error(0.1, 1) > 10 * systematic_error(0.2, 1) / 2


def test_it_says_how_sure_it_is(monkeypatch) -> None:
    # Nothing here is defocused: only noise makes a difference.
    monkeypatch.setattr(level_fit, 'DOUBT', 0.0)
    shape, noise, found, stated = (90, 120), 12.0, [], []
    for seed in range(60):
        pair = [level(shape, noise=noise, seed=2 * seed + each) for each in range(2)]
        fit = fit_level(*pair, np.eye(3), 'translation', 1e-4)
        assert fit is not None
        found.append(fit.transform[:2, 2])
        stated.append(np.diag(np.linalg.inv(fit.information)).mean())
    # Heavy noise is in the derivatives, too, and so it is a little less sure than it says.
    assert 1.3 < np.square(found).mean() / np.median(stated) < 2.5


def test_a_prior_draws_to_the_start_by_a_fiftieth_of_its_weight() -> None:
    shape = (160, 200)
    pair = level(shape), level(shape, similarity(shape, shift=(0.8, -0.6)))
    free = fit_level(*pair, np.eye(3), 'translation', 1e-4)
    assert free is not None
    prior = np.eye(2) * 50 * np.linalg.eigvalsh(free.information).mean()
    held = fit_level(*pair, np.eye(3), 'translation', 1e-4, prior)
    assert held is not None
    ratio = np.hypot(*held.transform[:2, 2]) / np.hypot(*free.transform[:2, 2])
    # As much as the images weigh, or somewhat more, as a step from the start tells less.
    assert 0.36 < ratio < 0.52
    assert (np.diag(held.information) > np.diag(prior)).all()

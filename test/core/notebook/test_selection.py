# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the notebook takes over all slices, against plain NumPy over the whole stack."""

from __future__ import annotations

from focus_stacking_ros.core.notebook.selection import NO_DATA, Selection, WeightedSum
import numpy as np
import pytest


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
@pytest.mark.parametrize('channels', [1, 3])
def test_selection_is_unit_step_of_the_whole_stack(dtype, channels) -> None:
    generator = np.random.default_rng(0)
    images = generator.integers(0, np.iinfo(dtype).max + 1, (6, 20, 30, channels)
                                ).astype(dtype).squeeze()
    # Few values, so that there are ties of two and more.
    responses = generator.integers(0, 4, (6, 20, 30)).astype(np.float32)
    selection = Selection(images.shape[1:])
    for image, response in zip(images, responses, strict=True):
        selection.add(image, response)
    volume = responses - responses.max(0) >= 0  # UnitStep
    assert (volume.sum(0) > 2).any()
    weights = volume if channels == 1 else volume[..., None]
    expected = np.rint((images * weights.astype(float)).sum(0) / weights.sum(0))
    assert np.abs(selection.in_focus(images.dtype) - expected).max() <= 1
    assert (selection.in_focus(images.dtype) == expected).mean() > 0.99
    np.testing.assert_array_equal(selection.level, np.argmax(volume, 0) + 1)
    np.testing.assert_array_equal(selection.greatest, responses.max(0))


def test_what_has_no_data_is_never_selected() -> None:
    selection = Selection((4, 4))
    missing = np.full((4, 4), NO_DATA)
    selection.add(np.full((4, 4), 200, np.uint8), missing)
    selection.add(np.full((4, 4), 50, np.uint8), np.zeros((4, 4), np.float32))
    selection.add(np.full((4, 4), 200, np.uint8), missing)
    assert (selection.level == 2).all()
    assert (selection.in_focus(np.dtype(np.uint8)) == 50).all()


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
@pytest.mark.parametrize('channels', [1, 3])
def test_weighted_average_is_that_of_numpy(dtype, channels) -> None:
    generator = np.random.default_rng(1)
    images = generator.integers(0, np.iinfo(dtype).max + 1, (5, 20, 30, channels)
                                ).astype(dtype).squeeze()
    weights = generator.random((5, 20, 30)).astype(np.float32)
    valid = (generator.random((20, 30)) < 0.5).astype(np.uint8)
    average = WeightedSum(images.shape[1:])
    for number, (image, weight) in enumerate(zip(images, weights, strict=True)):
        average.add(image, weight, valid if number == 2 else None)
    weights[2][valid == 0] = 0
    full = weights if channels == 1 else np.repeat(weights[..., None], channels, 3)
    expected = np.rint(np.average(images.astype(float), axis=0, weights=full))
    assert np.abs(average.mean(images.dtype) - expected).max() <= 1
    assert (average.mean(images.dtype) == expected).mean() > 0.98


def test_without_any_response_the_average_is_the_mean() -> None:
    average = WeightedSum((3, 3))
    for value in (10, 20, 60):
        average.add(np.full((3, 3), value, np.uint8), np.zeros((3, 3), np.float32), None)
    assert (average.mean(np.dtype(np.uint8)) == 30).all()


def test_white_stays_white_however_the_sums_of_many_slices_round() -> None:
    # Among these weights are some whose float32 sums give 65535.5, which rounds to no uint16.
    weights = np.linspace(0.5, 1, 400_000, dtype=np.float32)[None]
    white = np.full(weights.shape, 65535, np.uint16)
    average = WeightedSum(weights.shape)
    for _ in range(255):
        average.add(white, weights, None)
    assert (average.mean(white.dtype) >= 65534).all()

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The thin lens and the sweep, against values worked out by hand."""

from __future__ import annotations

from focus_stacking_ros.simulation import Sweep, ThinLens
import numpy as np
import pytest


def test_circle_of_confusion_by_hand() -> None:
    # A = 12.5 mm; 12.5 mm * 50 mm * 10 mm / (260 mm * 200 mm) = 0.1201923 mm = 20.03205 px
    lens = ThinLens(focal_length_m=0.05, f_number=4.0, pixel_pitch_m=6e-6)
    assert lens.circle_of_confusion_px(0.25, 0.26) == pytest.approx(20.03205, rel=1e-6)
    # A = 50 mm; 50 mm * 100 mm * 500 mm / (500 mm * 900 mm) = 5.555556 mm
    lens = ThinLens(focal_length_m=0.1, f_number=2.0, pixel_pitch_m=1e-5)
    assert lens.circle_of_confusion_px(1.0, 0.5) == pytest.approx(555.5556, rel=1e-6)


def test_circle_of_confusion_is_zero_in_focus_and_signed_around_it() -> None:
    lens = ThinLens()
    circles = lens.signed_circle_of_confusion_px(0.25, np.array([0.24, 0.25, 0.26]))
    assert circles[0] < 0
    assert circles[1] == 0
    assert circles[2] > 0


def test_image_distance_by_hand() -> None:
    assert ThinLens(focal_length_m=0.05).image_distance_m(0.25) == pytest.approx(0.0625)


def test_depth_of_field_ends_where_the_circle_is_reached() -> None:
    lens = ThinLens()
    length = lens.depth_of_field_m(0.25, circle_px=2.0)
    # 12.5 mm * 62.5 mm / 6 um * dioptres = 2 px on either side
    dioptres = 2 * 6e-6 / (0.0125 * 0.0625)
    assert length == pytest.approx(1 / (4 - dioptres) - 1 / (4 + dioptres))
    assert lens.depth_of_field_m(1e6) == np.inf


def test_magnification_of_a_thin_lens_follows_its_image_distance() -> None:
    # v = 62.5 mm at 250 mm and 60 mm at 300 mm
    assert ThinLens().magnifications([0.25, 0.30]) == pytest.approx([1, 0.96])


@pytest.mark.parametrize('breathing', [0.2, -0.2, 0.0])
def test_breathing_is_the_change_from_nearest_to_farthest(breathing: float) -> None:
    lens = ThinLens(breathing=breathing)
    near_to_far = lens.magnifications([0.2, 0.25, 1 / 3])
    assert near_to_far == pytest.approx([1, 1 + breathing / 2, 1 + breathing])
    far_to_near = lens.magnifications([1 / 3, 0.25, 0.2])
    assert far_to_near == pytest.approx(near_to_far[::-1] / near_to_far[-1])


def test_sweep_steps_are_equal_in_dioptres_or_uneven() -> None:
    even = Sweep.between(0.2, 0.25, 6)
    assert np.diff(1 / np.array(even.focus_distances_m)) == pytest.approx(-0.2)
    uneven = Sweep.between(0.25, 0.2, 6, unevenness=1.0, seed=3)
    steps = np.diff(1 / np.array(uneven.focus_distances_m))
    assert (steps > 0).all()
    assert np.ptp(steps) > 0.02
    assert uneven.focus_distances_m[0] == pytest.approx(0.25)
    assert uneven.focus_distances_m[-1] == pytest.approx(0.2)


def test_views_scale_and_turn_about_the_centre_and_shift() -> None:
    lens = ThinLens(breathing=0.1)
    size = (101, 201)
    centre = np.array([100, 50, 1.0])
    still = Sweep.between(0.2, 0.25, 5, rotation_rad=0.01).views(lens, size, 0)
    assert still @ centre == pytest.approx(np.tile(centre, (5, 1)))
    scales = np.sqrt(np.linalg.det(still[:, :2, :2]))
    assert scales.min() == pytest.approx(1)
    assert scales[-1] / scales[0] == pytest.approx(1.1)
    angles = np.arctan2(still[:, 1, 0], still[:, 0, 0])
    assert 0.001 < angles.std() < 0.03
    shaken = Sweep.between(0.2, 0.25, 400, shake_px=2.0).views(lens, size, 0)
    assert (shaken @ centre - centre)[:, :2].std() == pytest.approx(2.0, rel=0.1)


def test_gains_drift() -> None:
    sweep = Sweep.between(0.2, 0.25, 3, exposure_drift=0.2, white_balance_drift=0.1)
    expected = np.array([[1, 1, 1], [1.1 * 0.975, 1.1, 1.1 * 1.025],
                         [1.2 * 0.95, 1.2, 1.2 * 1.05]])
    assert sweep.gains(0) == pytest.approx(expected)


@pytest.mark.parametrize(('values', 'name'), [
    ({'focal_length_m': 0.0}, 'focal_length_m'), ({'f_number': float('nan')}, 'f_number'),
    ({'pixel_pitch_m': -1e-6}, 'pixel_pitch_m'), ({'bit_depth': 12}, 'bit_depth'),
    ({'jpeg_quality': 101}, 'jpeg_quality'),
    ({'jpeg_quality': 90, 'bit_depth': 16}, 'jpeg_quality'),
    ({'read_noise': -1.0}, 'read_noise'), ({'breathing': -1.5}, 'breathing'),
    ({'gamma': 0.0}, 'gamma')])
def test_a_lens_without_meaning_is_refused(values: dict[str, float], name: str) -> None:
    with pytest.raises(ValueError, match=name):
        ThinLens(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize('distances', [(), (0.2, -0.1), (0.2, float('nan')), (0.0,)])
def test_a_sweep_without_meaning_is_refused(distances: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match='focus distance'):
        Sweep(distances)


def test_focus_within_the_focal_length_is_refused() -> None:
    with pytest.raises(ValueError, match='focal length'):
        ThinLens().image_distance_m([0.2, 0.04])

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The depth jumps where the image has the edge of the near surface."""

from __future__ import annotations

import cv2
from focus_stacking_ros.core.depth.rims import located_rims, receded, SURE
import numpy as np
import pytest

EDGE = 150  # column at which the far side begins
STEP = 2.0


def scene(grown: int, far: float = 6.0):
    """Return an index in which the near surface has grown, and the image of both surfaces."""
    rng = np.random.default_rng(5)
    index = np.full((120, 300), 1, np.float32)
    index[:, EDGE + grown:] = far
    image = np.where(np.arange(300)[None, :, None] < EDGE, (60, 90, 40), (150, 130, 180))
    image = image + rng.integers(-12, 13, (120, 300, 1))
    return index, image.astype(np.uint8)


@pytest.mark.parametrize('grown', [-1, 1, 2, 3])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_a_jump_moves_to_the_edge_of_the_image(grown, dtype):
    index, image = scene(grown)
    image = image.astype(dtype) * (257 if dtype == np.uint16 else 1)
    found, known = located_rims(index, np.ones_like(index), image, STEP)
    assert (found[:, :EDGE - 1] == 1).all()
    assert (found[:, EDGE + 1:] == 6).all()
    assert known[:, EDGE - 3:EDGE + 3].all()
    assert not known[:, :EDGE - 20].any()


def test_what_looks_like_a_near_surface_beside_it_stays_far():
    # Windows let near surfaces grow, hardly ever shrink.
    index, image = scene(-3)
    found, _ = located_rims(index, np.ones_like(index), image, STEP)
    assert (found[:, EDGE - 1:] == 6).all()


def grown_over(colour: tuple[float, ...], near: tuple[float, ...], far: tuple[float, ...]):
    """Return an index grown by two pixels of a colour, and the image without noise."""
    index, image = scene(2)
    columns = np.arange(300)[None, :, None]
    image = np.where(columns < EDGE, near, np.where(columns < EDGE + 2, colour, far))
    return index, np.broadcast_to(image, (120, 300, 3)).astype(np.uint8)


@pytest.mark.parametrize(('share', 'changes'), [(0.58, False), (0.66, True)])
def test_what_is_twice_as_unlike_its_side_as_the_other_changes(share, changes):
    near, far = np.array([20, 30, 40]), np.array([180, 190, 200])
    index, image = grown_over(tuple(near + share * (far - near)), tuple(near), tuple(far))
    found, _ = located_rims(index, np.ones_like(index), image, STEP)
    assert (found[:, EDGE:EDGE + 2] == (6 if changes else 1)).all()


@pytest.mark.parametrize(('apart', 'changes'), [(3, False), (4, True)])
def test_colours_as_near_each_other_as_noise_move_no_jump(apart, changes):
    far = (100 + apart,) * 3
    index, image = grown_over(far, (100,) * 3, far)
    found, _ = located_rims(index, np.ones_like(index), image, STEP)
    assert (found[:, EDGE:EDGE + 2] == (6 if changes else 1)).all()


def test_what_is_sure_within_a_dozen_pixels_confirms_a_side():
    index, image = scene(2)
    confidence = np.ones_like(index)
    confidence[:60] = 0.05
    known = located_rims(index, confidence, image, STEP)[1]
    np.testing.assert_array_equal(known[:, EDGE + 2], np.arange(120) >= 60 - 12)


@pytest.mark.parametrize(('confidence', 'known'), [(0.2, False), (0.3, True)])
def test_a_side_of_a_quarter_confidence_is_confirmed(confidence, known):
    index, image = scene(2)
    assert located_rims(index, np.full_like(index, confidence), image, STEP)[1].any() == known


def test_a_grey_image_has_edges_too():
    index, image = scene(2)
    found, _ = located_rims(index, np.ones_like(index), image[..., 2].copy(), STEP)
    assert (found[:, EDGE + 1:] == 6).all()


def test_what_looks_alike_stays_where_it_is():
    index, image = scene(2)
    image[:] = image[0, 0]
    found, _ = located_rims(index, np.ones_like(index), image, STEP)
    np.testing.assert_array_equal(found, index)


@pytest.mark.parametrize('side', [slice(0, EDGE), slice(EDGE, None)])
def test_a_jump_without_confidence_on_both_sides_stays(side):
    index, image = scene(2)
    confidence = np.ones_like(index)
    confidence[:, side] = 0.05
    confidence[:, EDGE:EDGE + 2] = 0.05
    found, known = located_rims(index, confidence, image, STEP)
    np.testing.assert_array_equal(found, index)
    assert not known.any()


def test_a_slope_is_no_jump():
    _, image = scene(0)
    index = np.broadcast_to(np.linspace(0, 90, 300, dtype=np.float32), (120, 300)).copy()
    found, known = located_rims(index, np.ones_like(index), image, STEP)
    np.testing.assert_array_equal(found, index)
    assert not known.any()


def test_without_a_jump_the_index_is_the_same_array():
    _, image = scene(0)
    index = np.full((120, 300), 3, np.float32)
    found, known = located_rims(index, np.ones_like(index), image, STEP)
    assert found is index
    assert not known.any()


def test_tiles_leave_no_seams():
    """A jump along a tilted line through several tiles follows the edge everywhere."""
    y, x = np.mgrid[:600, :700]
    edge = 100 + 0.7 * y
    rng = np.random.default_rng(6)
    image = np.where((x < edge)[..., None], (60, 90, 40), (150, 130, 180)) + rng.integers(
        -12, 13, (600, 700, 1))
    index = np.where(x < edge + 2.5, 1, 6).astype(np.float32)
    found, _ = located_rims(index, np.ones_like(index), image.astype(np.uint8), STEP)
    assert (found[x < edge - 1.5] == 1).all()
    assert (found[x > edge + 1.5] == 6).all()


@pytest.mark.parametrize('grown', [3, -1])
def test_what_is_unsure_recedes_to_the_edge_of_the_image(grown):
    """A near surface that reaches too far becomes smaller, and none becomes larger."""
    index, image = scene(grown)
    confidence = np.ones_like(index)
    confidence[:, EDGE - 2:EDGE + 5] = np.where(np.arange(120) < 60, 0.9, 1.1)[:, None] * SURE
    before = index.copy()
    located, _ = located_rims(index, confidence, image, STEP)
    found = receded(index, located, confidence)
    assert found is index
    assert (found[:59, EDGE + 1:] == 6).all()
    np.testing.assert_array_equal(found[60:], before[60:])
    if grown < 0:
        assert (located < before).any()
        np.testing.assert_array_equal(found, before)


def test_a_surface_of_eighteen_pixels_between_others_has_rims_of_its_own():
    """Two jumps that near each other are not taken for one of their heights together."""
    columns = np.arange(300)
    index = np.broadcast_to(np.select([columns < EDGE + 2, columns < EDGE + 18], [1, 5], 12),
                            (120, 300)).astype(np.float32)
    image = np.select([columns[:, None] < EDGE, columns[:, None] < EDGE + 18],
                      [(60, 90, 40), (150, 130, 180)], (90, 200, 60))
    image = np.broadcast_to(image, (120, 300, 3)).astype(np.uint8)
    found, _ = located_rims(index, np.ones_like(index), image, STEP)
    assert (found[:, :EDGE] == 1).all()
    assert (found[:, EDGE:EDGE + 18] == 5).all()
    assert (found[:, EDGE + 18:] == 12).all()


def test_a_side_has_its_colour_nearby():
    """Bands of ten rows, darker and brighter than a far side as bright as their mean."""
    index, _ = scene(2)
    rows, columns = np.mgrid[:120, :300]
    grey = np.where(columns < EDGE, np.where(rows // 10 % 2, 150, 50), 100)
    noise = np.random.default_rng(2).integers(-10, 11, (120, 300))
    image = np.repeat((grey + noise)[..., None], 3, axis=2).astype(np.uint8)
    found, _ = located_rims(index, np.ones_like(index), image, STEP)
    assert (found[:, :EDGE - 1] == 1).all()
    middle = found[(rows[:, 0] % 10 >= 3) & (rows[:, 0] % 10 <= 6), EDGE:EDGE + 2]
    assert (middle == 6).mean() > 0.95


@pytest.mark.parametrize('first', range(EDGE, EDGE + 8))
def test_a_wire_of_four_pixels_has_rims_wherever_it_lies(first):
    columns = np.arange(300)
    wire = (columns >= first) & (columns < first + 4)
    index = np.broadcast_to(np.where(wire, 1, 6), (120, 300)).astype(np.float32)
    image = np.where(wire[:, None], (60, 90, 40), (150, 130, 180))
    image = np.broadcast_to(image, (120, 300, 3)).astype(np.uint8)
    _, known = located_rims(index, np.ones_like(index), image, STEP)
    assert known[:, first - 2:first + 6].all()


def test_where_tiles_end_makes_no_difference():
    """Of jumps on which little confidence lies a tile sees what lies far around."""
    rng = np.random.default_rng(3)
    shape = (400, 400)
    steps = cv2.resize(rng.integers(0, 4, (20, 20)).astype(np.float32), shape,
                       interpolation=cv2.INTER_NEAREST) * 4
    colours = rng.integers(40, 220, (13, 3))[steps.astype(int)]
    image = (colours + rng.integers(-6, 7, (*shape, 3))).astype(np.uint8)
    index = cv2.medianBlur(cv2.warpAffine(steps, np.float32([[1, 0, 1.4], [0, 1, -1.2]]),
                                          shape, borderMode=cv2.BORDER_REPLICATE), 3)
    sure = (rng.random(shape) < 0.002).astype(np.float32)
    whole, known = located_rims(index, sure, image, STEP)
    assert 0.05 < known.mean() < 0.95
    for shift in (37, 101):
        part = np.s_[shift:, shift:]
        found, there = located_rims(np.ascontiguousarray(index[part]), sure[part], image[part],
                                    STEP)
        inner = np.s_[60:, 60:]
        np.testing.assert_array_equal(there[inner], known[part][inner])
        np.testing.assert_array_equal(found[inner], whole[part][inner])

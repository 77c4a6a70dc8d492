# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of stacks whose slices come in another order than that of a sweep, and of those in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache

from focus_stacking_ros import FocusStacker, StackOptions, StackResult
from focus_stacking_ros.core.slices import ResultFault
from focus_stacking_ros.simulation import (
    ball_grid,
    circuit_board,
    crossing_wires,
    dome,
    render_stack,
    rough_metal,
    Scene,
    solder_joints,
    Sweep,
    textureless_parts,
    ThinLens,
    tilted_plane,
)
from helpers.stacks import make_stack, MARGIN, similarity
import numpy as np
import pytest

pytestmark = pytest.mark.slow  # many stacks

SHAPE = (160, 200)
SLICES = 7
BOARD = 0.2427, 0.2508  # metres
LENS = ThinLens(breathing=-0.02, point_spread_px=0.5, read_noise=0.5, shot_noise=1.0)
NOISY = replace(LENS, read_noise=6.0, shot_noise=3.0)
#: In which order the positions 0 to 6 were taken, and the slices that are out of place.
ORDERS: dict[str, tuple[Sequence[int], int]] = {
    'hunting': ([0, 3, 6, 5, 4, 2, 1], 2),
    'one-out-of-place': ([0, 1, 5, 2, 3, 4, 6], 1),
    'first-in-the-middle': ([3, 0, 1, 2, 4, 5, 6], 1),
    'there-and-back': ([0, 2, 4, 6, 5, 3, 1], 3),
    'neighbours-exchanged': ([0, 1, 3, 2, 4, 5, 6], 1)}


def stack_of(images: Sequence[np.ndarray], order: Iterable[int], *, positions: bool = False,
             **options: object) -> StackResult:
    stacker = FocusStacker(StackOptions(**options))
    for place, number in enumerate(order):
        stacker.add(images[number], position=float(place) if positions else None)
    return stacker.finish()


def ranks(result: StackResult, order: Sequence[int]) -> list[int]:
    """Return the ranks of the positions 0 to n - 1."""
    found = [0] * len(order)
    for position, report in zip(order, result.reports, strict=True):
        assert report.rank is not None
        found[position] = report.rank
    return found


@pytest.fixture(scope='module')
def plane() -> list[np.ndarray]:
    return list(make_stack(SHAPE, SLICES, noise=1.0).images)


@pytest.fixture(scope='module')
def swept(plane) -> Callable[[bool, str], StackResult]:
    """Return the result of the plane near to far, or back, by method, computed once."""
    return cache(lambda back, method: stack_of(
        plane, range(SLICES)[::-1] if back else range(SLICES), method=method))


@pytest.mark.parametrize('method', ['default', 'quality'])
@pytest.mark.parametrize('name', ORDERS)
def test_the_order_of_the_sweep_is_found_and_the_result_is_that_of_sorted_slices(
        plane, swept, name, method) -> None:
    order, displaced = ORDERS[name]
    result = stack_of(plane, order, method=method)
    note = result.faults[ResultFault.ORDER]
    assert 'All were sorted by their images' in note
    assert 'doubtful' not in note
    listed = note.partition(': slice')[2].lstrip('s ').partition(' is' if displaced == 1
                                                                 else ' are')[0]
    assert len(listed.split(', ')) == displaced
    found = ranks(result, order)
    assert found in (list(range(SLICES)), list(range(SLICES))[::-1])
    expected = swept(found[0] != 0, method)
    assert not expected.faults
    if result.reports[result.reference].rank == expected.reports[expected.reference].rank:
        assert np.array_equal(result.slice_index, expected.slice_index)
        assert np.array_equal(result.all_in_focus, expected.all_in_focus)
        assert np.array_equal(result.confidence, expected.confidence)


def test_the_depth_of_sorted_slices_is_as_good_as_that_of_a_sweep() -> None:
    stack = make_stack(SHAPE, SLICES, noise=1.0)
    order, _ = ORDERS['hunting']
    result = stack_of(stack.images, order, reference='first')
    index = result.slice_index
    if ranks(result, order)[0]:
        index = SLICES - 1 - index
    assert np.sqrt(np.mean(np.square(index - stack.index))) < 0.08
    hunted = stack_of(stack.images, order, reference='first', positions=True).slice_index
    assert np.sqrt(np.mean(np.square(hunted - stack.index))) > 1


def test_a_position_that_comes_again_is_put_beside_the_first(plane) -> None:
    order = [0, 1, 2, 3, 4, 5, 6, 2]
    result = stack_of([*plane, plane[2]], [*range(SLICES), 7])
    assert 'slice 7 is out of place' in result.faults[ResultFault.ORDER]
    found = [report.rank for report in result.reports]
    assert abs(found[7] - found[order.index(2)]) == 1
    # In its place it is no fault.
    assert not stack_of(plane, [0, 1, 2, 2, 3, 4, 5, 6]).faults


def test_slices_that_come_there_and_back_are_interleaved(plane) -> None:
    order = [*range(SLICES), *range(SLICES - 1, -1, -1)]
    result = stack_of(plane, order)
    assert ResultFault.ORDER in result.faults
    positions = [order[report.number] for report in sorted(
        result.reports, key=lambda report: report.rank)]
    assert positions == sorted(positions)


@pytest.mark.parametrize('order', [[0, 2, 1], [1, 0, 2]])
def test_three_slices_are_sorted(order) -> None:
    images = make_stack(SHAPE, 3).images
    assert ResultFault.ORDER not in stack_of(images, range(3)).faults
    result = stack_of(images, order)
    assert ranks(result, order) in ([0, 1, 2], [2, 1, 0])


def flat_stack(breathing: float) -> list[np.ndarray]:
    """Return a surface at one depth, which each slice shows smaller by a share."""
    index = np.full((SHAPE[0] + 2 * MARGIN, SHAPE[1] + 2 * MARGIN), 3.2, np.float32)
    views = [similarity(SHAPE, 1 - breathing * number) for number in range(SLICES)]
    return list(make_stack(SHAPE, SLICES, index=index, transforms=views, noise=1.0).images)


def test_a_flat_surface_in_order_is_no_fault_and_magnification_sorts_one_that_is_not() -> None:
    images = flat_stack(0.006)
    assert not stack_of(images, range(SLICES)).faults
    order, _ = ORDERS['hunting']
    result = stack_of(images, order)
    assert ranks(result, order) in (list(range(SLICES)), list(range(SLICES))[::-1])


def test_where_the_images_leave_the_order_open_the_confidence_is_lowered() -> None:
    images = flat_stack(0.0)
    sure = stack_of(images, range(SLICES))
    assert not sure.faults
    result = stack_of(images, ORDERS['hunting'][0])
    assert 'depth is doubtful and its confidence halved' in result.faults[ResultFault.ORDER]
    assert result.confidence.max() <= 0.5
    assert sure.confidence.mean() > 1.5 * result.confidence.mean()


def test_streaming_tells_what_it_cannot_sort(plane) -> None:
    order, _ = ORDERS['hunting']
    result = stack_of(plane, order, method='streaming')
    note = result.faults[ResultFault.ORDER]
    assert 'could not be sorted' in note
    assert result.confidence.max() <= 0.5
    assert [report.rank for report in result.reports] == list(range(SLICES))
    assert not stack_of(plane, range(SLICES), method='streaming').faults


def test_positions_that_do_not_fit_the_images_are_told_and_kept(plane) -> None:
    order, _ = ORDERS['one-out-of-place']
    result = stack_of(plane, order, positions=True)
    assert 'the focus positions do not fit the images: slice 2 is focused' in result.faults[
        ResultFault.ORDER]
    assert [report.rank for report in result.reports] == list(range(SLICES))
    assert not stack_of(plane, range(SLICES), positions=True).faults


def test_a_slice_that_matches_no_other_is_sorted_with_the_one_before_it(plane) -> None:
    foreign = np.random.default_rng(5).integers(0, 255, SHAPE, np.uint8)
    images = [*plane, foreign]
    assert ResultFault.ORDER not in stack_of(images, [0, 1, 2, 7, 3, 4, 5, 6]).faults
    order = [0, 3, 6, 7, 5, 4, 2, 1]
    result = stack_of(images, order)
    found = ranks(result, order)
    assert found[:7] in (sorted(found[:7]), sorted(found[:7])[::-1])
    assert abs(found[7] - found[6]) == 1


SCENES = {'board': circuit_board, 'tilted': tilted_plane, 'dome': dome, 'balls': ball_grid,
          'metal': rough_metal, 'solder': solder_joints, 'wires': crossing_wires,
          'textureless': textureless_parts}


@cache
def scene_of(name: str) -> Scene:
    return SCENES[name](3, SHAPE)


@pytest.mark.parametrize(('name', 'slices', 'share', 'lens'), [
    *((name, 3, 1.0, LENS) for name in SCENES), *((name, 7, 1.0, NOISY) for name in SCENES),
    ('board', 12, 0.6, LENS), ('solder', 12, 0.6, LENS)])
def test_sweeps_of_all_kinds_of_scenes_are_no_fault(name, slices, share, lens) -> None:
    middle = sum(BOARD) / 2
    ends = [middle + share * (end - middle) for end in BOARD]
    sweep = Sweep.between(*ends, slices, unevenness=0.2, seed=slices, shake_px=0.7,
                          exposure_flicker=0.01)
    images = render_stack(scene_of(name), lens, sweep, 3).slices
    assert ResultFault.ORDER not in stack_of(images, range(slices)).faults


@pytest.mark.parametrize('name', ['board', 'wires'])
def test_scenes_that_were_hunted_through_are_sorted(name) -> None:
    sweep = Sweep.between(*BOARD, SLICES, unevenness=0.2, shake_px=0.7, exposure_flicker=0.01)
    images = render_stack(scene_of(name), LENS, sweep, 3).slices
    order, _ = ORDERS['hunting']
    result = stack_of(images, order)
    assert ranks(result, order) in (list(range(SLICES)), list(range(SLICES))[::-1])

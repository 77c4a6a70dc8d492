# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the report of a stack."""

from __future__ import annotations

from dataclasses import asdict
import json
import math

from focus_stacking_ros import FocusStacker, SliceError, StackOptions
from focus_stacking_ros.core.refusal import Refusal
from focus_stacking_ros.core.stack.report import stack_report
from helpers.stacks import make_stack, stacked
import numpy as np
import pytest


def as_json(report: dict) -> dict:
    return json.loads(json.dumps(report, allow_nan=False))


@pytest.fixture(scope='module')
def told() -> dict:
    """Report of a stack of three slices and two refused inputs, through JSON."""
    stack = make_stack((60, 80), 3)
    stacker = FocusStacker(StackOptions(reference='nearest'))
    stacker.add(stack.images[0], stack.distances[0])
    with pytest.raises(SliceError):
        stacker.add(stack.images[0], math.nan)
    stacker.add(stack.images[1], stack.distances[1])
    stacker.refuse(Refusal.PAYLOAD, 'the file is truncated')
    stacker.add(stack.images[2], stack.distances[2])
    return as_json(stack_report(stacker.finish(), stacker.options,
                                {4: {'file': 'c.png'}, 0: {'file': 'a.png'}}))


def test_report_has_the_fields_of_the_contract(told) -> None:
    assert set(told) >= {'frames', 'options', 'backend', 'backend_choice', 'timings_ms', 'version',
                         'reference', 'notes', 'noise_sigma'}
    for frame in told['frames']:
        assert set(frame) >= {'focus_distance_m', 'transform', 'gain', 'accepted', 'reason',
                              'rank', 'residual', 'misfit_px', 'number', 'refusal'}


def test_frames_are_one_per_input_in_the_order_of_arrival(told) -> None:
    assert [frame['number'] for frame in told['frames']] == [0, 1, 2, 3, 4]
    assert [frame['accepted'] for frame in told['frames']] == [True, False, True, False, True]
    assert [frame['rank'] for frame in told['frames']] == [0, None, 1, None, 2]


def test_details_are_put_to_their_frames(told) -> None:
    assert told['frames'][0]['file'] == 'a.png'
    assert told['frames'][4]['file'] == 'c.png'
    assert 'file' not in told['frames'][2]


def test_transforms_are_3_by_3_from_the_reference(told) -> None:
    for frame in told['frames']:
        if frame['accepted']:
            assert np.shape(frame['transform']) == (3, 3)
            assert frame['transform'][2] == [0, 0, 1]
        else:
            assert frame['transform'] is None
            assert frame['reason']
    assert told['frames'][told['reference']]['transform'] == np.eye(3).tolist()


def test_what_json_has_no_word_for_is_null(told) -> None:
    assert told['frames'][1]['focus_distance_m'] is None
    assert 'nan' in told['frames'][1]['reason']


def test_options_are_told_whole() -> None:
    options = StackOptions(reference='middle', depth_smoothing=12.0)
    report = as_json(stack_report(stacked(make_stack((40, 40), 2)), options))
    assert report['options'] == {name: list(value) if isinstance(value, tuple) else value
                                 for name, value in asdict(options).items()}


def test_notes_are_sentences() -> None:
    report = as_json(stack_report(stacked(make_stack((40, 40), 2)), StackOptions()))
    assert any('two slices' in note for note in report['notes'])


def test_times_are_milliseconds_of_every_step(told) -> None:
    assert set(told['timings_ms']) >= {'measure', 'align', 'accumulate', 'place', 'depth', 'fuse',
                                       'rims', 'check', 'finish'}
    assert all(0 < value < 60_000 for value in told['timings_ms'].values())


def test_distances_may_be_numpy_numbers() -> None:
    stack = make_stack((40, 40), 3)
    stacker = FocusStacker()
    for image, distance in zip(stack.images, np.float32(stack.distances), strict=True):
        stacker.add(image, distance)
    frames = as_json(stack_report(stacker.finish(), stacker.options))['frames']
    assert [frame['focus_distance_m'] for frame in frames] == pytest.approx(stack.distances)

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
What a focus measure needs besides its line in FOCUS_MEASURES: nothing, to be used everywhere.

A backend that has it not computes it with the portable implementation, with the same numbers; the
model, which follows the specification, refuses it by name.
"""

from __future__ import annotations

import argparse

from focus_stacking_ros import FocusStacker, StackOptions
from focus_stacking_ros.backends.model import ModelBackend
from focus_stacking_ros.commands.stack import add_option_flags, options_from
from focus_stacking_ros.core.focus.measure import (
    FOCUS_MEASURES,
    focus_response,
    FocusMeasure,
    luma,
    NoiseResponse,
)
from focus_stacking_ros.core.focus.noise import noise_floor
from focus_stacking_ros.core.option import OptionError
from focus_stacking_ros.core.option_table import option_table
from focus_stacking_ros.core.stack.accumulation import operators
from focus_stacking_ros.core.stack.backend import BackendError, create_backend
from helpers.stacks import make_stack
import numpy as np
import pytest

NAME = 'tenengrad'


def gradient(image: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """Return the mean absolute difference to the neighbours, int16."""
    padded = np.pad(grey.astype(np.int32), 1, 'reflect')
    across, down = padded[1:-1, 2:] - padded[1:-1, :-2], padded[2:, 1:-1] - padded[:-2, 1:-1]
    return ((np.abs(across) + np.abs(down)) // 2).astype(np.int16)


@pytest.fixture
def added(monkeypatch) -> FocusMeasure:
    """Return a focus measure that is in the table for one test."""
    noise = NoiseResponse(1.13, 0.5, 1.0)
    measure = FocusMeasure(compute=gradient, needs_colour=False, noise={1: noise, 3: noise},
                           curvature=1.0, kernel_number=None, companion='ring_difference')
    monkeypatch.setitem(FOCUS_MEASURES, NAME, measure)
    return measure


@pytest.fixture(params=['opencv', 'native', 'emulation'])
def backend(request):
    """Return each backend that is built here."""
    try:
        return create_backend(request.param)
    except BackendError as error:
        pytest.skip(str(error))


@pytest.mark.usefixtures('added')
@pytest.mark.parametrize('channels', [(), (3,)])
def test_every_backend_computes_it(backend, channels) -> None:
    image = np.random.default_rng(0).integers(0, 256, (41, 64, *channels)).astype(np.uint8)
    grey = luma(image)
    found = backend.measure(image, grey, NAME)
    np.testing.assert_array_equal(found, focus_response(image, grey, NAME))
    assert not any(np.array_equal(found, backend.measure(image, grey, other))
                   for other in FOCUS_MEASURES if other != NAME)


@pytest.mark.usefixtures('added')
def test_the_model_refuses_what_is_not_specified() -> None:
    image = np.zeros((8, 8), np.uint8)
    with pytest.raises(KeyError, match=f'{NAME} is not in hw_accel/SPECIFICATION.md'):
        ModelBackend().measure(image, luma(image), NAME)


@pytest.mark.usefixtures('added')
@pytest.mark.parametrize('method', ['default', 'quality', 'streaming'])
def test_a_stack_is_fused_with_it(method) -> None:
    options = StackOptions(method=method, focus_measure_operator=NAME)
    stacker, stack = FocusStacker(options, 'opencv'), make_stack((60, 80), 5)
    for number, image in enumerate(stack.images):
        stacker.add(image, position=number)
    result = stacker.finish()
    assert np.isfinite(result.slice_index).all()
    assert result.confidence.max() > 0.5


def test_the_stages_look_it_up(added) -> None:
    sigma = np.full((2, 2), 3.0, np.float32)
    np.testing.assert_allclose(noise_floor(NAME, 1, sigma, 1.0), 3 * added.noise[1].mean)
    assert operators(StackOptions(method='quality', focus_measure_operator=NAME)) == (
        NAME, added.companion)


@pytest.mark.usefixtures('added')
def test_options_flags_and_documentation_offer_it() -> None:
    parser = argparse.ArgumentParser()
    add_option_flags(parser)
    chosen = options_from(parser.parse_args(['--focus-measure-operator', NAME]))
    assert chosen.focus_measure_operator == NAME
    assert NAME in option_table(StackOptions)


@pytest.mark.ros
@pytest.mark.usefixtures('added')
def test_the_parameter_offers_it() -> None:
    from focus_stacking_ros.core.option import specifications
    from focus_stacking_ros.ros.node.parameters import descriptor
    constraint, = (descriptor(item).additional_constraints for item in
                   specifications(StackOptions) if item.name == 'focus_measure.operator')
    assert NAME in constraint


def test_without_its_line_nothing_takes_it(backend) -> None:
    image = np.zeros((8, 8), np.uint8)
    with pytest.raises(KeyError, match=NAME):
        backend.measure(image, luma(image), NAME)
    with pytest.raises(KeyError, match=NAME):
        noise_floor(NAME, 1, np.zeros((2, 2), np.float32), 1.0)
    with pytest.raises(OptionError, match=NAME):
        StackOptions(focus_measure_operator=NAME)

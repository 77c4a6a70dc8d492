# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the lamps around a simulated scene."""

from __future__ import annotations

from focus_stacking_ros.simulation.lamps import Lamps
import numpy as np
import pytest

SIZE = (30, 40)


def test_lamp_0_is_even_and_the_others_shine_from_around() -> None:
    lamps = Lamps(5, SIZE)
    assert lamps.shading(0.0).shape == (*SIZE, 1)
    assert (lamps.shading(0.0) == 1).all()
    # Right, down, left, up.
    for number, brightest in enumerate([(14, 39), (29, 19), (14, 0), (0, 19)], 1):
        lamps.command(number, float(number))
        shade = lamps.shading(number)
        assert shade.max() == 1
        assert shade[brightest] == pytest.approx(1, abs=1e-3)
        assert shade[29 - brightest[0], 39 - brightest[1]] < 0.5


def test_a_command_fades_and_the_past_is_known() -> None:
    lamps = Lamps(2, SIZE, settling_seconds=0.2)
    lamps.command(1, 10.0)
    assert [lamps.alone(at) for at in (9.9, 10.1, 10.2)] == [0, None, 1]
    between = (lamps.shading(9.0) + lamps.shading(11.0)) / 2
    np.testing.assert_allclose(lamps.shading(10.1), between, rtol=1e-5)
    lamps.command(0, 10.15)  # from where it is
    assert lamps.alone(10.3) is None
    assert lamps.alone(10.35) == 0
    np.testing.assert_allclose(lamps.shading(10.15), lamps.shading(10.149), atol=0.01)
    assert lamps.alone(9.9) == 0


def test_a_lamp_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match='no light 2: there are 2, from 0'):
        Lamps(2, SIZE).command(2, 0.0)

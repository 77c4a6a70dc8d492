# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of JSON that every reader takes."""

from __future__ import annotations

import json
import math

from focus_stacking_ros.ros.messages.strict_json import strict_json
import numpy as np
import pytest


def test_what_is_finite_comes_back_as_it_was() -> None:
    value = {'a': [1, 2.5, None, True, 'NaN'], 'b': {'c': []}}
    assert json.loads(strict_json(value)) == value


@pytest.mark.parametrize('number', [math.nan, math.inf, -math.inf, np.float64('nan')])
def test_what_is_not_finite_is_null_wherever_it_stands(number: float) -> None:
    text = strict_json({'a': number, 'b': [number, (1.0, number)], 'c': {'d': number}})
    assert json.loads(text) == {'a': None, 'b': [None, [1.0, None]], 'c': {'d': None}}


def test_what_json_has_no_word_for_is_an_error() -> None:
    with pytest.raises(TypeError):
        strict_json({'a': object()})

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The methods of a stack: the option names what there is."""

from __future__ import annotations

import focus_stacking_ros.backends  # noqa: F401 - registers them
from focus_stacking_ros.core.notebook import Notebook
from focus_stacking_ros.core.option import specifications
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.stack.backend import create_backend
from focus_stacking_ros.core.stack.methods import begin, METHODS
import numpy as np


def test_every_choice_of_the_option_is_a_method_and_the_other_way_round() -> None:
    option = next(item for item in specifications(StackOptions) if item.name == 'method')
    assert set(METHODS) == set(option.choices)


def test_a_stack_begins_with_the_method_of_its_options() -> None:
    backend, image = create_backend('opencv'), np.zeros((20, 30), np.uint8)
    assert isinstance(begin(StackOptions(method='notebook'), backend, image), Notebook)
    assert not isinstance(begin(StackOptions(), backend, image), Notebook)

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
What each clue is worth: fitted by `test/benchmark/calibrate_confidence.py`, 66 stacks.

Written by that command; not to be changed by hand.
"""

from __future__ import annotations

from focus_stacking_ros.core.depth.additive import Term

__all__ = ['DEVIATION', 'DEVIATION_CONSTANT', 'ODDS', 'ODDS_CONSTANT', 'SYSTEMATIC']

#: Logarithm of the odds to lie, with all neighbours, within half a depth of field of the truth.
ODDS_CONSTANT = 6.186
ODDS = (
    Term('support', True,
         (-10, -7, -5, -3, -2, -1, -0.5, 0),
         (-4.83, -4.44, -4.44, -3.571, -1.831, -1.598, -0.332, 0.0)),
    Term('agreement', False,
         (0.2, 0.5, 0.7, 0.85, 0.95, 1),
         (-3.515, -2.472, -1.173, -1.173, -0.283, 0.0)),
    Term('own_distance', True,
         (-6, -4, -3, -2, -1, 0, 1),
         (0.0, -1.791, -2.366, -2.366, -2.366, -2.366, -2.366)),
    Term('jump', True,
         (-6, -4, -3, -2, -1, 0, 1),
         (0.0, -0.231, -0.658, -1.152, -2.409, -3.64, -3.682)),
    Term('sudden_jump', True,
         (-6, -4, -3, -2, -1, 0, 1),
         (0.0, 0.0, 0.0, 0.0, -0.392, -1.029, -1.373)),
)
#: Standard deviation that whole stacks have in common, units.
SYSTEMATIC = 0.041
#: Logarithm of the standard deviation of single pixels in units.
DEVIATION_CONSTANT = -4.918
DEVIATION = (
    Term('support', True,
         (-10, -7, -5, -3, -2, -1, -0.5, 0),
         (0.446, 0.446, 0.446, 0.008, 0.008, 0.008, 0.0, 0.0)),
    Term('agreement', False,
         (0.2, 0.5, 0.7, 0.85, 0.95, 1),
         (1.868, 1.868, 0.579, 0.579, 0.579, 0.0)),
    Term('own_distance', True,
         (-6, -4, -3, -2, -1, 0, 1),
         (0.0, 0.513, 0.513, 0.513, 0.513, 0.513, 0.513)),
    Term('jump', True,
         (-6, -4, -3, -2, -1, 0, 1),
         (0.0, 0.38, 0.463, 0.691, 1.002, 1.007, 1.007)),
    Term('sudden_jump', True,
         (-6, -4, -3, -2, -1, 0, 1),
         (0.0, 0.0, 0.0, 0.174, 0.351, 0.491, 0.491)),
    Term('spread', True,
         (-7, -5, -4, -3, -2, -1),
         (0.0, 0.66, 0.66, 1.273, 1.273, 1.273)),
)

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How far a stack is, for who waits: one line that grows on a terminal, a few lines elsewhere."""

from __future__ import annotations

import os
import sys

from focus_stacking_ros.commands.terminal import show_progress
import numpy as np
from numpy.typing import NDArray

__all__ = ['GrowingLine']

_CELLS = 40
_LINES = 4  # where they stay
_LEVELS = 5  # of a colour, of the 6x6x6 of a terminal, from 0


class GrowingLine:
    """
    Tells of slices as they come; a context manager, whose end clears the line of a terminal.

    On a terminal the line shows in colours, from left to right through the middle of the picture,
    which slice is the sharpest so far: red is the nearest.

    :param expected: slices of the stack, 0 where that is not known
    """

    def __init__(self, expected: int = 0) -> None:
        self._expected, self._taken, self._told = expected, 0, 0
        self._strip = ''
        self._replaces = sys.stderr.isatty()
        self._colours = self._replaces and not os.environ.get(
            'NO_COLOR') and os.environ.get('TERM', '') not in ('', 'dumb')

    def __enter__(self) -> GrowingLine:
        """Return this."""
        return self

    def __exit__(self, *_: object) -> None:
        """Clear the line of a terminal."""
        show_progress('')

    def slice_came(self) -> None:
        """Count a slice."""
        self._taken += 1
        if self._replaces:
            self._show()
        # The last one is told, too, where it is known.
        elif self._taken == self._expected or (
                self._taken - self._told) * _LINES >= max(self._expected, 5 * _LINES):
            self._told = self._taken
            print(self._words(), file=sys.stderr, flush=True)

    def picture_came(self, picture: NDArray[np.uint8]) -> None:
        """
        Show which slices are the sharpest so far.

        :param picture: (H, W, 3) blue-green-red, that of ``slice_index/preview``
        """
        if self._colours:
            height, width = picture.shape[:2]
            row = picture[height // 2, (np.arange(_CELLS) * 2 + 1) * width // (2 * _CELLS)]
            self._strip = ' ' + ''.join(
                f'\033[48;5;{16 + 36 * red + 6 * green + blue}m ' for blue, green, red
                in (row.astype(int) * _LEVELS + 127) // 255) + '\033[0m'
            self._show()

    def _show(self) -> None:
        show_progress(self._words() + self._strip)

    def _words(self) -> str:
        of_them = f' of {self._expected}' if self._expected else ''
        fusing = ', fusing' if self._taken == self._expected else ''
        return f'slice {self._taken}{of_them}{fusing}'

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""When a stack ends: count, reversal of the sweep, on request, timeout."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ['STACK_ENDS', 'StackEnd']

#: What ends a stack, besides the timeout.
STACK_ENDS = ('count', 'reversal', 'service')


@dataclass
class StackEnd:
    """
    Decides when a running stack is complete.

    :param rule: one of STACK_ENDS
    :param size: slices of a stack, for the rule count
    :param timeout_seconds: time since the last slice after which any stack ends

    >>> end = StackEnd('reversal', size=0, timeout_seconds=2.0)
    >>> for number, position in enumerate([0.1, 0.2, 0.3], start=1):
    ...     complete = end.added(position, number, now_seconds=float(number))
    >>> end.before(0.4), end.before(0.2)  # on, or back
    (False, True)
    >>> end.remaining_seconds(now_seconds=4.0)
    1.0
    """

    rule: str
    size: int
    timeout_seconds: float

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin a new stack."""
        self._positions: list[float] = []
        self._deadline: float | None = None

    def before(self, position: float) -> bool:
        """Return whether a slice at ``position`` already belongs to the next stack."""
        known = self._positions
        if self.rule != 'reversal' or len(known) < 2:
            return False
        # The sweep turns, jumps back, or dwells at its turning point.
        return (position > known[-1]) != (known[1] > known[0]) or position == known[-1]

    def added(self, position: float, accepted: int, now_seconds: float) -> bool:
        """
        Note an accepted slice; returns whether the stack is complete.

        :param position: its focus position
        :param accepted: slices in the stack now
        :param now_seconds: a steady clock
        """
        if not self._positions or position != self._positions[-1]:
            self._positions.append(position)
        self._deadline = now_seconds + self.timeout_seconds
        return self.rule == 'count' and accepted >= self.size

    def remaining_seconds(self, now_seconds: float) -> float | None:
        """Return the time until the running stack times out, None while there is none."""
        if self._deadline is None:
            return None
        return max(self._deadline - now_seconds, 0.0)

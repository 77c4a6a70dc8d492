# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Counters that one thread counts with while another one shows them."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
import threading

__all__ = ['Counters']


class Counters(MutableMapping[str, int]):
    """
    Numbers by name, 0 where nothing was counted; any thread may count and read.

    ``counters[name] += 1`` reads and writes apart from each other, and is only for a name that one
    thread counts; :meth:`count` is for those that several do.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, int] = {}

    def count(self, name: str, number: int = 1) -> int:
        """Add to a counter; returns what it is now."""
        with self._lock:
            self._values[name] = value = self._values.get(name, 0) + number
        return value

    def __getitem__(self, name: str) -> int:
        """Return a counter, 0 where nothing was counted."""
        with self._lock:
            return self._values.get(name, 0)

    def __setitem__(self, name: str, value: int) -> None:
        """Set a counter."""
        with self._lock:
            self._values[name] = value

    def __delitem__(self, name: str) -> None:
        """Forget a counter."""
        with self._lock:
            del self._values[name]

    def __iter__(self) -> Iterator[str]:
        """Go through the names there are now."""
        with self._lock:
            return iter(tuple(self._values))

    def __len__(self) -> int:
        """Return how many counters there are."""
        with self._lock:
            return len(self._values)

    def __contains__(self, name: object) -> bool:
        """Tell whether something was counted under a name."""
        with self._lock:
            return name in self._values

    def __repr__(self) -> str:
        """Return the counters as a dictionary would show them."""
        with self._lock:
            return repr(self._values)

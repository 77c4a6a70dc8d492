# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Watches who publishes the inputs: nobody, nobody any more, or two at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ['PublisherWatch']


class PublisherWatch:
    """
    Tells when a topic loses its last publisher or gets a second one.

    :param node: rclpy.node.Node whose graph is asked
    :param topics: resolved names of topics that ought to have one publisher each
    :param warn: called with a kind and a sentence, once each time
    :param counters: counts ``publishers lost`` and ``second publishers``
    """

    def __init__(self, node: Any, topics: Sequence[str], warn: Callable[[str, str], None],
                 counters: Counter[str]) -> None:
        self._node, self._warn, self._counters = node, warn, counters
        self._publishers = dict.fromkeys(topics, 0)

    def look(self) -> None:
        """Count the publishers; to be called from time to time."""
        for topic, before in self._publishers.items():
            now = self._publishers[topic] = self._node.count_publishers(topic)
            if before and not now:
                self._counters['publishers lost'] += 1
                self._warn('publishers lost', f'nobody publishes {topic} any more; what comes '
                           'when it is back is taken as before')
            elif now > 1 and now > before:
                self._counters['second publishers'] += 1
                self._warn('second publishers', f'{topic} has {now} publishers, which a stack '
                           'cannot tell apart; give each cell a namespace')

    @property
    def state(self) -> str:
        """Return what is wrong with the publishers now, '' for nothing."""
        return '; '.join([
            *(f'nobody publishes {topic}' for topic, now in self._publishers.items() if not now),
            *(f'{topic} has {now} publishers' for topic, now in self._publishers.items()
              if now > 1)])

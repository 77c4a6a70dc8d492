# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the middleware's transport has room for."""

from __future__ import annotations

import os

from focus_stacking_ros.launch_environment import has_transport, TRANSPORTS

__all__ = ['messages_in_flight']


def messages_in_flight() -> int:
    """
    Return how many large messages may be on their way to the same subscribers at once.

    Over a transport that was chosen for them the next one may be sent while one is being read;
    over the default one their pieces would push each other out of its small buffers.
    """
    chosen = has_transport(os.environ) and os.environ.get(TRANSPORTS) != 'DEFAULT'
    return 2 if chosen else 1

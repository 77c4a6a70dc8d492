# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Animated PNG files, which browsers show and every PNG reader opens as their first frame."""

from __future__ import annotations

from collections.abc import Sequence
import io

from focus_stacking_ros.core.files.pillow import silence
import numpy as np
from numpy.typing import NDArray

__all__ = ['encode_animation']


def encode_animation(frames: Sequence[NDArray[np.uint8]], milliseconds: int) -> bytes:
    """
    Encode frames as an animated PNG that plays for ever (PNG, third edition, section 11.3.4).

    :param frames: at least one; all of one shape: (H, W) or (H, W, 3) blue-green-red
    :param milliseconds: time each frame is shown, 1 to 65535; equal ones become one
    """
    silence()
    from PIL import Image
    first, *others = (Image.fromarray(np.ascontiguousarray(
        frame if frame.ndim == 2 else frame[..., ::-1])) for frame in frames)
    file = io.BytesIO()
    first.save(file, 'PNG', save_all=True, append_images=others, duration=milliseconds, loop=0)
    return file.getvalue()

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The backend that works everywhere: OpenCV and NumPy on the CPU."""

from __future__ import annotations

import cv2
from focus_stacking_ros.core.focus_measure import averaged, focus_response
from focus_stacking_ros.core.slices import Image, Transform
from focus_stacking_ros.core.state import StackState
from focus_stacking_ros.core.warping import reduced, valid_mask, warp
import numpy as np
from numpy.typing import NDArray

__all__ = ['OpenCVBackend']


class OpenCVBackend:
    """Per-slice work with OpenCV; see ``core.backend.Backend`` for the methods."""

    name = 'opencv'

    def measure(self, image: Image, grey: NDArray[np.int16],
                operator: str) -> NDArray[np.int16]:
        """Return the focus response of a slice at half the size, in its own pixel grid."""
        return focus_response(image, grey, operator)

    def align(self, response: NDArray[np.int16], transform: Transform,
              gain: float) -> NDArray[np.int16]:
        """Return a response in another pixel grid, -1 where it has no data."""
        half = reduced(transform, 2)
        here = warp(response, half)
        if gain != 1.0:
            here = cv2.addWeighted(here, gain, here, 0.0, 0.0)
        valid = valid_mask(response.shape, half)
        return here if valid is None else cv2.copyTo(here, valid, np.full_like(response, -1))

    def accumulate(self, state: StackState, response: NDArray[np.int16], window: int) -> None:
        """Average an aligned response over a window and update the state."""
        here, valid = averaged(response, window)
        number = state.slices
        won = cv2.compare(here, state.best, cv2.CMP_GT)
        if number > 0:
            followed = cv2.bitwise_and(cv2.compare(state.index, number - 1, cv2.CMP_EQ),
                                       cv2.bitwise_not(won))
            cv2.copyTo(here, followed, state.right)
        cv2.copyTo(state.previous, won, state.left)
        cv2.copyTo(here, won, state.best)
        cv2.copyTo(response, won, state.detail)
        state.right[won != 0] = -1
        state.index[won != 0] = number
        cv2.add(state.total, cv2.max(here, 0), state.total, dtype=cv2.CV_32S)
        cv2.add(state.count, 1, state.count, mask=valid)
        np.copyto(state.previous, here)
        state.slices += 1

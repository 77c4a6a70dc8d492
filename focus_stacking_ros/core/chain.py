# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where each slice lies relative to the first: pairwise registrations, chained."""

from __future__ import annotations

from dataclasses import dataclass

from focus_stacking_ros.core.alignment import AlignmentFrame, prepare, register, Registration
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.slices import Transform
from focus_stacking_ros.core.warping import identity
import numpy as np
from numpy.typing import NDArray

__all__ = ['Link', 'RegistrationChain']


@dataclass(frozen=True)
class Link:
    """
    A slice's place in the chain.

    :param transform: first slice's pixel -> this slice's pixel
    :param gain: factor on its grey values that gives the first slice's brightness
    :param residual: weighted mean difference to its neighbour after alignment, 8-bit grey
        levels; None for the first slice
    :param reason: why the transform is a guess, '' where it was estimated
    """

    transform: Transform
    gain: float = 1.0
    residual: float | None = None
    reason: str = ''


class RegistrationChain:
    """
    Registers each new slice to the two before it and averages the two chains to the first.

    :param options: alignment model and gain
    """

    def __init__(self, options: StackOptions) -> None:
        self._options = options
        self._frames: list[AlignmentFrame] = []
        self._links: list[Link] = []
        self._step = identity()

    def add(self, grey: NDArray[np.int16]) -> Link:
        """
        Register the next slice.

        :param grey: (H, W) int16 luma in 1/16 grey level
        """
        frame = prepare(grey)
        if not self._links:
            link = Link(identity())
        else:
            near = self._register(1, frame, self._step)
            far = None
            if len(self._links) > 1:
                far = self._register(2, frame, near.transform @ self._step)
            self._step = near.transform
            link = self._chained(near, far)
        self._frames = [*self._frames[-1:], frame]
        self._links = [*self._links[-1:], link]
        return link

    def _register(self, back: int, frame: AlignmentFrame, start: Transform) -> Registration:
        return register(self._frames[-back], frame, self._options.alignment_model, start,
                        self._options.alignment_gain)

    def _chained(self, near: Registration, far: Registration | None) -> Link:
        """Mean of the chains over the neighbour and over the slice before it."""
        transform = near.transform @ self._links[-1].transform
        gain = near.gain * self._links[-1].gain
        if far is not None and not far.reason and not near.reason:
            transform = (transform + far.transform @ self._links[-2].transform) / 2
            gain = (gain + far.gain * self._links[-2].gain) / 2
        elif far is not None and near.reason and not far.reason:
            return Link(far.transform @ self._links[-2].transform,
                        far.gain * self._links[-2].gain, far.residual)
        return Link(transform, gain, near.residual, near.reason)

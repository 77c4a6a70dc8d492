# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Backends: who does the per-slice work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from focus_stacking_ros.core.align.stages import AlignmentStages, PortableAlignment
from focus_stacking_ros.core.depth.stages import DepthStages, PortableDepth
from focus_stacking_ros.core.focus.front import Front
from focus_stacking_ros.core.focus.state import StackState
from focus_stacking_ros.core.fuse.job import FusionJob
from focus_stacking_ros.core.fuse.running_average import LumaAverage, WeightedAverage
from focus_stacking_ros.core.fuse.stages import FusionStages, PortableFusion
from focus_stacking_ros.core.slices import Image, MAX_SLICES, Transform
from focus_stacking_ros.core.stack.guide_source import GuideStages, PortableGuide
from focus_stacking_ros.core.stack.registry import (
    backend_choices,
    backend_names,
    BackendError,
    create_backend,
    register_backend,
)
import numpy as np
from numpy.typing import NDArray

__all__ = ['Backend', 'BackendError', 'backend_choices', 'backend_names',
           'create_backend', 'register_backend']


class Backend(Protocol):
    """
    The per-slice work of a focal stack.

    Every backend gives the same numbers, so a stack may move from one to another.

    ``most_slices`` is how many slices of a stack it takes; the CPU does the rest of longer ones.
    ``choice`` says why auto has taken it, '' where it was asked for by name; ``problem`` why it
    does not work as it should, although it goes on, '' where all is well; ``affine_only``
    whether slices with perspective are left to the CPU, with the same result; ``alignment``,
    ``depth``, ``guide`` and ``fusion`` do what of alignment, of the depth, of what decides how
    much of each slice enters and around the fusion takes time, with the same result but for its
    rounding.
    """

    name: str
    most_slices: int = MAX_SLICES
    choice: str = ''
    problem: str = ''
    affine_only: bool = False
    alignment: AlignmentStages = PortableAlignment()
    depth: DepthStages = PortableDepth()
    guide: GuideStages = PortableGuide()
    fusion: FusionStages = PortableFusion()

    def front(self, image: Image, operators: Sequence[str], *, with_luma: bool = False) -> Front:
        """
        Return what later steps need of a slice, from one pass over its pixels.

        A device may still measure when this returns; two slices may be under way at once, a third
        one waits for the first.

        :param image: (H, W) or (H, W, 3), uint8 or uint16
        :param operators: names of the focus measures
        :param with_luma: whether the luma at full size is wanted
        :raises KeyError: as `measure`
        """

    def response(self, image: Image, operator: str) -> NDArray[np.int16]:
        """
        Return a focus response of `front` alone.

        :param image: (H, W) or (H, W, 3), uint8 or uint16
        :param operator: name of the focus measure
        """
        return self.front(image, (operator,)).responses()[operator]

    def measure(self, image: Image, grey: NDArray[np.int16],
                operator: str) -> NDArray[np.int16]:
        """
        Return the focus response of a slice at half the size, in its own pixel grid.

        :param image: (H, W) or (H, W, 3), uint8 or uint16
        :param grey: (H, W) int16 luma in 1/16 grey level
        :param operator: name of the focus measure, see core.focus.measure.FOCUS_MEASURES
        :raises KeyError: there is no focus measure of that name, or the backend cannot have it
        """

    def align(self, response: NDArray[np.int16], transform: Transform,
              gain: float) -> NDArray[np.int16]:
        """
        Return a response in another pixel grid, -1 where it has no data.

        :param response: (h, w) int16 at half the size, in the slice's pixel grid
        :param transform: result pixel -> slice pixel, full size
        :param gain: factor on the response that makes up for exposure
        """

    def accumulate(self, state: StackState, response: NDArray[np.int16], window: int) -> None:
        """
        Average an aligned response over a window and update the state.

        :param state: updated in place
        :param response: (h, w) int16, aligned to the state; -1 where it has no data
        :param window: side of the averaging window, half-size pixels
        """

    def average(self, average: WeightedAverage, image: NDArray[Any],
                sharpness: NDArray[np.uint8], transform: Transform, gains: tuple[float, ...],
                valid: NDArray[np.uint8] | None = None) -> None:
        """
        Add a slice to a running average; see `WeightedAverage.add`.

        :param average: updated in place
        :param image: (H, W) or (H, W, 3), uint8 or uint16, in the slice's grid
        :param sharpness: (H, W) uint8
        :param transform: grid of the average -> slice pixel
        :param gains: factors on the image's grey values, one for each channel
        :param valid: (H, W) uint8, 255 where the slice has data; None for everywhere
        """

    def average_luma(self, average: LumaAverage, grey: NDArray[np.int16],
                     sharpness: NDArray[np.uint8], transform: Transform, gain: float,
                     valid: NDArray[np.uint8] | None = None) -> None:
        """
        Add a slice to a running average of luma; see `LumaAverage.add`.

        :param average: updated in place
        :param grey: (H, W) int16 luma in 1/16 grey level, in the slice's grid
        :param sharpness: (H, W) uint8
        :param transform: full-size pixel of the average -> slice pixel
        :param gain: factor on its grey values
        :param valid: (H, W) uint8, 255 where the slice has data; None for everywhere
        """

    def fuse(self, job: FusionJob) -> Image:
        """
        Return the all-in-focus image: the weighted mean of retained slices.

        :param job: the slices, and what decides their weights
        :returns: shape and dtype of the slices
        """

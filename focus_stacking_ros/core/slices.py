# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What goes into a stack and what comes out: immutable values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from focus_stacking_ros.core.refusal import Refusal, RefusedError
import numpy as np
from numpy.typing import NDArray

__all__ = ['MAX_SLICES', 'NARROW_SLICES', 'FloatImage', 'FocalLength', 'Image', 'Magnification',
           'ResultFault', 'Slice', 'SliceError', 'SliceReport', 'StackError', 'StackResult',
           'Transform', 'stored']

#: Slices that a byte numbers, one value of which is 'none yet': what the integers of the backends'
#: specification are made for, and all that devices take.
NARROW_SLICES = 255
#: Slices of a stack; those of longer stacks than NARROW_SLICES are numbered in two bytes.
MAX_SLICES = 65535

#: (H, W) or (H, W, 3) blue-green-red; uint8 or uint16. What is in memory the other way round, red
#: first, is a view with its channels reversed: see `stored`.
Image = NDArray[Any]
FloatImage = NDArray[np.float32]  # (H, W)
Transform = NDArray[np.float64]  # (3, 3), homogeneous pixel coordinates, pixel centres at integers


def stored(image: Image) -> tuple[Image, bool]:
    """
    Return an image with its channels as they lie in memory, and whether that is red, green, blue.

    :param image: (H, W) or (H, W, 3) blue-green-red
    """
    if image.ndim == 3 and image.strides[2] == -image.itemsize:
        return image[..., ::-1], True
    return image, False


class StackError(ValueError):
    """A stack cannot give a result; the message says why and what to do."""


class SliceError(RefusedError):
    """
    A slice was refused; the stack is as it was before.

    :param refusal: the kind of reason
    :param message: the reason, with its figures and the way out
    """


@dataclass(frozen=True)
class FocalLength:
    """
    What a camera says of the magnification of one slice; of use beside those of others only.

    :param pixels: distance of the image plane, in pixels of the image
    """

    pixels: float


@dataclass(frozen=True)
class Magnification:
    """
    How large a slice shows things.

    :param ratio: to the size at which the first slice that its stack took shows them
    """

    ratio: float

    def relative_to(self, other: Magnification) -> float:
        """Return how many times larger than another slice of the stack this one shows things."""
        return self.ratio / other.ratio


@dataclass(frozen=True)
class Slice:
    """
    One image of a focal stack.

    :param image: (H, W) or (H, W, 3) blue-green-red, uint8 or uint16; never written to
    :param focus_distance_m: distance of the focal plane along the optical axis in metres, or None
        where positions are unknown or not metric
    :param position: what slices are ordered by: metres, a raw lens value or the input number
    :param number: input number, counted from 0 in the order of arrival
    :param magnification: relative to the first slice; None where it is to be estimated
    :param valid: (H, W) bool, where the image has data; None where it has it everywhere
    :param lights: images of the same view under further lights, shape and dtype of ``image``,
        which is the one that is registered
    """

    image: Image
    focus_distance_m: float | None
    position: float
    number: int
    magnification: Magnification | None = None
    valid: NDArray[np.bool_] | None = None
    lights: tuple[Image, ...] = ()


@dataclass(frozen=True)
class SliceReport:
    """
    What became of one input.

    :param number: input number, counted from 0 in the order of arrival
    :param focus_distance_m: distance of the focal plane in metres, None where unknown
    :param rank: slice index by position, near to far, 0 the nearest; None if refused
    :param transform: (3, 3) reference pixel -> this slice's pixel; None if refused
    :param gain: factor on this slice's grey values that gives the result's brightness: the
        reference's, or that of the middle slice where the reference's is unusual
    :param residual: mean absolute grey-level difference to its neighbour after alignment, at
        pixels sharp in both; 8-bit grey levels; None for the first slice
    :param accepted: whether the slice is part of the result
    :param reason: why it is not, or what should be known about it; '' where nothing
    :param gains: the gain of each channel, blue, green and red, or of grey; empty if refused
    :param refusal: the kind of reason if it is not part of the result, else None
    :param misfit: by how many pixels a good part of the slice is displaced against the slice
        before it in spite of the alignment; None where that is not known
    """

    number: int
    focus_distance_m: float | None = None
    rank: int | None = None
    transform: Transform | None = None
    gain: float = 1.0
    residual: float | None = None
    accepted: bool = True
    reason: str = ''
    gains: tuple[float, ...] = ()
    refusal: Refusal | None = None
    misfit: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        return {
            'number': self.number, 'focus_distance_m': self.focus_distance_m, 'rank': self.rank,
            'transform': None if self.transform is None else self.transform.tolist(),
            'gain': self.gain, 'gains': list(self.gains), 'residual': self.residual,
            'misfit_px': self.misfit,
            'accepted': self.accepted, 'reason': self.reason,
            'refusal': None if self.refusal is None else self.refusal.code}


class ResultFault(Enum):
    """What may be wrong with a result as a whole; the value is what nodes call it."""

    DISORDER = 'out of order'
    ORDER = 'no monotone sweep'
    DISPLACED = 'displaced slices'
    BLURRED = 'blurred places'
    DISTANCES = 'implausible distances'


@dataclass(frozen=True)
class StackResult:
    """
    What a focal stack gives; all images are in the pixel grid of the reference slice.

    :param all_in_focus: shape and dtype of the input slices
    :param depth_m: (H, W) float32, metres along Z (REP-118), NaN where unknown
    :param confidence: (H, W) float32, 0 to 1, 1 is best
    :param slice_index: (H, W) float32, fractional index of the sharpest slice, dense; 0 is the
        nearest slice
    :param reports: one per input, refused ones too, in the order of arrival
    :param reference: input number of the reference slice
    :param noise_sigma: standard deviation of the sensor noise, 8-bit grey levels
    :param remarks: what a user should know about this result besides its faults, in sentences
    :param timings_ms: milliseconds per step
    :param backend: name of the backend that did the per-slice work
    :param step_files: further files of the method, by name relative to the folder of the result:
        functions that return the content; they keep the slices in memory
    :param depth_std_m: (H, W) float32, standard deviation of ``depth_m`` in metres, NaN where
        there is no depth; None where the method does not estimate it
    :param significant_bits: of the slices' values and of ``all_in_focus``, at most 16
    :param backend_choice: why auto has taken that backend, '' where it was asked for by name
    :param faults: what may be wrong with it, a sentence for a user each
    :param lights: the all-in-focus images under the further lights, shape and dtype of
        ``all_in_focus``, which is that under the first
    """

    all_in_focus: Image
    depth_m: FloatImage
    confidence: FloatImage
    slice_index: FloatImage
    reports: tuple[SliceReport, ...]
    reference: int
    noise_sigma: float
    remarks: tuple[str, ...] = ()
    timings_ms: dict[str, float] = field(default_factory=dict)
    backend: str = ''
    step_files: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
    depth_std_m: FloatImage | None = None
    backend_choice: str = ''
    significant_bits: int = 16
    faults: Mapping[ResultFault, str] = field(default_factory=dict)
    lights: tuple[Image, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Return all there is to tell a user about it: its faults, then its remarks."""
        return (*self.faults.values(), *self.remarks)

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where each slice lies relative to the first: pairwise registrations, chained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from focus_stacking_ros.core.align.exposure import Exposure, relative_gains
from focus_stacking_ros.core.align.pairwise import register, Registration
from focus_stacking_ros.core.align.pyramid import AlignmentFrame, prepare
from focus_stacking_ros.core.align.warping import identity, rescaled
from focus_stacking_ros.core.focus.measure import LUMA_SHARES
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.slices import Magnification, Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['Entry', 'Link', 'RegistrationChain', 'registration_model']


# A slice that differs from its neighbour by so many times what slices did so far, and by so many
# grey levels at least, shows something else: defocus and breathing reach half of that.
_LOST, _LOST_LEVELS = 6.0, 4.0


@dataclass(frozen=True)
class Link:
    """
    A slice's place in the chain.

    :param transform: first slice's pixel -> this slice's pixel
    :param gain: factor on its grey values that gives the first slice's brightness
    :param residual: weighted mean difference to its neighbour after alignment, 8-bit grey
        levels; None for the first slice
    :param reason: why the transform is a guess, '' where it was estimated
    :param gains: the gain of each colour channel; one of grey slices
    """

    transform: Transform
    gain: float = 1.0
    residual: float | None = None
    reason: str = ''
    gains: tuple[float, ...] = (1.0,)


@dataclass(frozen=True)
class Entry:
    """
    What is kept of an accumulated slice.

    :param number: input number
    :param position: what slices are ordered by
    :param link: where it lies relative to the first slice
    :param sharpness: (H, W) uint8, unwarped; None where slices are not retained
    :param responses: focus response at half the size by operator, int16, unwarped; empty where
        not retained
    :param noise: standard deviation of its noise, 8-bit grey levels
    :param valid: (H, W) uint8, 255 where the slice has data, else 0; None where it has it
        everywhere
    :param is_measured: whether its response is part of the running state, where there is one
    """

    number: int
    position: float
    link: Link
    sharpness: NDArray[np.uint8] | None
    responses: Mapping[str, NDArray[np.int16]] = field(default_factory=dict)
    noise: float = 0.0
    valid: NDArray[np.uint8] | None = None
    is_measured: bool = True


def registration_model(model: str, *, magnification_known: bool) -> str:
    """
    Return what is to be estimated.

    :param model: alignment.model
    :param magnification_known: whether the scale is given, and so not to be estimated
    """
    if not magnification_known:
        return model
    return 'rigid' if model in ('similarity', 'affine') else model


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
        self._residuals: list[float] = []
        self._exposure: Exposure | None = None  # of the first slice that is not black
        self._exposed_at = identity()  # and where that slice lies
        self._recent: Exposure | None = None  # the last slice's
        self._count = self._matched = 0  # slices; those of them that match an earlier one
        #: Reasons by the number of the slice, from 0, that replace those of its link: which one
        #: matches none, later slices tell.
        self.corrections: dict[int, str] = {}
        self._origin: Magnification | None = None  # the first slice's

    def add(self, grey: NDArray[np.int16], magnification: Magnification | None = None,
            exposure: Callable[[], Exposure] | None = None,
            valid: NDArray[np.uint8] | None = None) -> Link:
        """
        Register the next slice.

        :param grey: (H, W) int16 luma in 1/16 grey level
        :param magnification: None to estimate it, as it is too where the first slice has none
        :param exposure: returns the exposure of the slice itself, for the gain of each of its
            channels
        :param valid: (H, W) uint8, 0 where nothing is to be compared; None where all is
        """
        frame = prepare(grey, valid=valid)
        if not self._links:
            link = Link(identity())
            self._origin = magnification
        else:
            scale = None if magnification is None or self._origin is None else (
                magnification.relative_to(self._origin))
            expected = self._step
            if scale is not None:
                before = self._links[-1].transform[:2, :2]
                expected = rescaled(expected, scale / float(np.sqrt(abs(np.linalg.det(before)))),
                                    frame.shape)
            near = self._register(1, frame, expected, scale)
            far = None
            if len(self._links) > 1:
                start = near.transform @ self._links[-1].transform @ np.linalg.inv(
                    self._links[-2].transform)
                far = self._register(2, frame, start, scale, certain=not near.reason)
            link = self._chained(near, far)
            self._blame_origin(near, far)
            if scale is not None:  # many small rotations would add up to a scale
                link = replace(link, transform=rescaled(link.transform, scale, frame.shape))
            if not link.reason:
                self._matched += 1
                self._residuals.append(link.residual or 0.0)
                self._step = link.transform @ np.linalg.inv(self._links[-1].transform)
        link = self._with_gains(link, Exposure.of(grey) if exposure is None else exposure())
        # A slice that matches nothing is no template for the next but one.
        keep = -1 if not self._links or not self._links[-1].reason else -2
        self._frames = [*self._frames[keep:][:1], frame]
        self._links = [*self._links[keep:][:1], link]
        self._count += 1
        return link

    def _blame_origin(self, near: Registration, far: Registration | None) -> None:
        """Note that the first slices match none, where two later ones are the first to agree."""
        before = self._links[-1]
        if near.reason or not before.reason or self._matched or self.corrections or (
                far is not None and not far.reason):
            return
        self.corrections.update({0: before.reason, self._count - 1: ''})
        # A slice of something else is no measure of the others' brightness.
        self._exposure, self._exposed_at = self._recent, before.transform

    def _register(self, back: int, frame: AlignmentFrame, start: Transform,
                  scale: float | None, *, certain: bool = False) -> Registration:
        model = registration_model(self._options.alignment_model,
                                   magnification_known=scale is not None)
        found = register(self._frames[-back], frame, model, start, certain=certain)
        if len(self._residuals) < 2 or found.reason:
            return found
        usual = float(np.median(self._residuals))
        if found.residual <= max(_LOST * usual, _LOST_LEVELS):
            return found
        return replace(found, transform=start, reason=(
            f'it differs from its neighbour by {found.residual:.1f} grey levels, others by '
            f'{usual:.1f}'))

    def _chained(self, near: Registration, far: Registration | None) -> Link:
        """Mean of the chains over the neighbour and over the slice before it."""
        transform = near.transform @ self._links[-1].transform
        if far is not None and not far.reason:
            over = far.transform @ self._links[-2].transform
            if near.reason:
                return Link(over, residual=far.residual)
            transform = (transform + over) / 2
        return Link(transform, residual=near.residual, reason=near.reason)

    def _with_gains(self, link: Link, exposure: Exposure) -> Link:
        """
        Return the link with the gains relative to the first slice, or else the last known.

        Compared with the first slice itself, errors do not add up along the stack. Slices that are
        black beside a later one, as before an exposure has settled, tell no brightness: they stay
        as they are, and the later one takes the place of the first.
        """
        channels = exposure.light.shape[2]
        self._recent = exposure
        if not self._options.alignment_gain:
            return replace(link, gains=(1.0,) * channels)
        if self._exposure is None or exposure.outshines(self._exposure):
            if self._exposure is not None:
                self.corrections.update(dict.fromkeys(range(self._count), 'it is nearly black'))
                if not self._matched:
                    self.corrections[self._count] = ''  # the first that shows anything
            self._exposure, self._exposed_at = exposure, link.transform
            return replace(link, gains=(1.0,) * channels)
        before = self._links[-1]
        found = None if link.reason else relative_gains(
            self._exposure, exposure, link.transform @ np.linalg.inv(self._exposed_at))
        if found is None:
            return replace(link, gain=before.gain, gains=before.gains)
        share = exposure.light.mean(axis=(0, 1)) * (
            np.array(LUMA_SHARES) / 256 if channels == 3 else 1.0)
        return replace(link, gain=float(found @ share / max(float(share.sum()), 1e-12)),
                       gains=tuple(found.tolist()))

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where each slice lies relative to the first: pairwise registrations, chained."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from statistics import median

from focus_stacking_ros.core.align.exposure import Exposure, relative_gains
from focus_stacking_ros.core.align.model_choice import gain_in_fit, nearest_similarity
from focus_stacking_ros.core.align.motion import moved
from focus_stacking_ros.core.align.pairwise import begin_registration, Pair, Registration
from focus_stacking_ros.core.align.pyramid import AlignmentFrame
from focus_stacking_ros.core.align.stages import AlignmentStages, PortableAlignment
from focus_stacking_ros.core.align.warping import identity, inverse, is_affine, joined, rescaled
from focus_stacking_ros.core.focus.light import light_cells
from focus_stacking_ros.core.focus.measure import LUMA_SHARES
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.slices import Magnification, Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['Entry', 'Link', 'RegistrationChain', 'registration_model']


# A slice that differs from its neighbour by so many times what slices did so far, and by so many
# grey levels at least, shows something else: defocus and breathing reach half of that.
_LOST, _LOST_LEVELS = 6.0, 4.0
# Pixels by which neighbour and next neighbour may disagree about a slice's place; how much more
# than usual, and at least, a slice may differ before both are asked on their own.
_LOOP, _DOUBTFUL, _DOUBTFUL_LEVELS = 2.0, 1.7, 2.5


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
    :param misfit: by how many pixels a good part of the slice is displaced against the slice
        before it, None where that is not known
    """

    transform: Transform
    gain: float = 1.0
    residual: float | None = None
    reason: str = ''
    gains: tuple[float, ...] = (1.0,)
    misfit: float | None = None


@dataclass(frozen=True)
class Entry:
    """
    What is kept of an accumulated slice.

    :param number: input number
    :param position: what slices are ordered by
    :param link: where it lies relative to the first slice
    :param sharpness: (H, W) uint8, unwarped; None where it is not kept
    :param responses: focus response at half the size by operator, int16, unwarped; it may be made
        when it is asked for; empty where slices are not retained
    :param noise: standard deviation of its noise, 8-bit grey levels
    :param valid: (H, W) uint8, 255 where the slice has data, else 0; None where it has it
        everywhere
    :param coarse: uint8 at a quarter of the size, see `coarse_sharpness`, unwarped; None where
        slices are not retained
    :param is_measured: whether its response is part of the running state, where there is one
    """

    number: int
    position: float
    link: Link
    sharpness: NDArray[np.uint8] | None
    responses: dict[str, NDArray[np.int16]] = field(default_factory=dict)
    noise: float = 0.0
    valid: NDArray[np.uint8] | None = None
    is_measured: bool = True
    coarse: NDArray[np.uint8] | None = None


def registration_model(model: str, *, magnification_known: bool) -> str:
    """
    Return what is to be estimated.

    :param model: alignment.model
    :param magnification_known: whether the scale is given, and so not to be estimated
    """
    if not magnification_known:
        return model
    return 'rigid' if model in ('auto', 'similarity', 'affine') else model


def _gap(one: Transform, other: Transform, shape: tuple[int, int]) -> float:
    """Return by how many pixels two transforms differ, the mean over the corners."""
    right, bottom = shape[1] - 1.0, shape[0] - 1.0
    x = np.array([0, right, 0, right], np.float32)
    y = np.array([0, 0, bottom, bottom], np.float32)
    return float(np.hypot(*(np.stack(moved(one, x, y)) - np.stack(moved(other, x, y)))).mean())


class RegistrationChain:
    """
    Registers each new slice to the two before it and averages the two chains to the first.

    :param options: alignment model and gain
    :param stages: who does what takes time
    :param final: whether nothing refines its transforms, which then are as exact as they can be
    """

    def __init__(self, options: StackOptions, stages: AlignmentStages | None = None, *,
                 final: bool = True) -> None:
        self._options, self._final = options, final
        self._stages = PortableAlignment() if stages is None else stages
        self._frames: list[AlignmentFrame] = []
        self._links: list[Link] = []
        self._step = identity()
        self._residuals: list[float] = []
        self._gains_in_fit: list[float] = []  # of perspective, where that is to be found out
        self._exposure: Exposure | None = None  # of the first slice that is not black
        self._exposed_at = identity()  # and where that slice lies
        self._recent: Exposure | None = None  # the last slice's
        self._count = self._matched = 0  # slices; those of them that match an earlier one
        #: Reasons by the number of the slice, from 0, that replace those of its link: which one
        #: matches none, later slices tell.
        self.corrections: dict[int, str] = {}
        self._origin: Magnification | None = None  # the first slice's

    @property
    def frame(self) -> AlignmentFrame:
        """Return the last slice's pyramid."""
        return self._frames[-1]

    def add(self, grey: NDArray[np.int16], magnification: Magnification | None = None,
            exposure: Exposure | None = None, valid: NDArray[np.uint8] | None = None,
            half: NDArray[np.int16] | None = None) -> Link:
        """
        Register the next slice.

        :param grey: (H, W) int16 luma in 1/16 grey level
        :param magnification: None to estimate it, as it is too where the first slice has none
        :param exposure: that of the slice itself, for the gain of each of its channels; None for
            that of its luma
        :param valid: (H, W) uint8, 0 where nothing is to be compared; None where all is
        :param half: means of the 2x2 pixels of `grey`, where they are known, `half_size`
        """
        frame = self._stages.prepare(grey, valid=valid, half=half)
        if self._options.alignment_model != 'none':
            begin_registration(frame)
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
                start = joined(near.transform, self._links[-1].transform,
                               inverse(self._links[-2].transform))
                far = self._register(2, frame, start, scale, certain=not near.reason)
            link = self._chained(near, far)
            self._blame_origin(near, far)
            if far is not None and self._contradict(near, far, frame):
                link = self._arbitrated(frame, near, far, expected, scale)
            # Many small rotations would add up to a scale.
            if scale is not None and is_affine(link.transform):
                link = replace(link, transform=rescaled(link.transform, scale, frame.shape))
            if not link.reason:
                self._matched += 1
                self._residuals.append(link.residual or 0.0)
                self._step = joined(link.transform, inverse(self._links[-1].transform))
        link = self._with_gains(link, exposure or Exposure.of(light_cells(
            np.left_shift(grey, 4).view(np.uint16))))
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
        if model == 'auto':
            found = self._with_least_freedom(back, frame, start, certain=certain)
        else:
            found = self._pair(self._frames[-back], frame).register(
                model, start, certain=certain)
        if len(self._residuals) < 2 or found.reason:
            return found
        usual = median(self._residuals)
        if found.residual <= max(_LOST * usual, _LOST_LEVELS):
            return found
        return replace(found, transform=start, reason=(
            f'it differs from its neighbour by {found.residual:.1f} grey levels, others by '
            f'{usual:.1f}'))

    def _pair(self, template: AlignmentFrame, frame: AlignmentFrame) -> Pair:
        return Pair(template, frame, self._stages, self._final)

    def _with_least_freedom(self, back: int, frame: AlignmentFrame, start: Transform, *,
                            certain: bool) -> Registration:
        """Return a similarity, or one with perspective where the slices so far support that."""
        pair = self._pair(self._frames[-back], frame)
        if certain:  # as the neighbour, from which it starts
            model = 'similarity' if is_affine(start) else 'projective'
            return pair.register(model, start, certain=True)
        found = pair.register('similarity', nearest_similarity(start, frame.shape))
        if found.reason:
            return found
        freer = pair.with_perspective(found, likely=True)
        gain = -1.0 if freer is None else gain_in_fit(found.residual, freer.residual, 4)
        self._gains_in_fit.append(gain)
        return found if freer is None or median(self._gains_in_fit) <= 0 else freer

    def _contradict(self, near: Registration, far: Registration, frame: AlignmentFrame) -> bool:
        """Return whether the neighbour and the slice before it lead to different places."""
        if near.reason or far.reason:
            return not near.reason
        if len(self._residuals) > 1 and near.residual > max(
                _DOUBTFUL * median(self._residuals), _DOUBTFUL_LEVELS):
            return True
        gap = _gap(joined(near.transform, self._links[-1].transform),
                   joined(far.transform, self._links[-2].transform), frame.shape)
        return gap > _LOOP * 2 ** far.coarse

    def _arbitrated(self, frame: AlignmentFrame, near: Registration, far: Registration,
                    expected: Transform, scale: float | None) -> Link:
        """
        Return the place that both slices before it support best.

        The registration to the slice before the neighbour started from the neighbour's; it is made
        once more on its own.
        """
        over = joined(self._links[-1].transform, inverse(self._links[-2].transform))
        alone = self._register(2, frame, joined(expected, over), scale)
        places = [Link(joined(near.transform, self._links[-1].transform), residual=near.residual)]
        places += [Link(joined(each.transform, self._links[-2].transform), residual=each.residual)
                   for each in (far, alone) if not each.reason]
        best = min(places, key=lambda link: sum(
            self._pair(template, frame).difference(
                joined(link.transform, inverse(before.transform)))
            for template, before in zip(self._frames, self._links, strict=True)))
        # All that lead to the same place count.
        alike = [link for link in places
                 if _gap(link.transform, best.transform, frame.shape) <= _LOOP]
        return replace(best, transform=np.mean([link.transform for link in alike], axis=0))

    def _chained(self, near: Registration, far: Registration | None) -> Link:
        """Mean of the chains over the neighbour and over the slice before it."""
        transform = joined(near.transform, self._links[-1].transform)
        if far is not None and not (far.reason or far.coarse):
            over = joined(far.transform, self._links[-2].transform)
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
            self._exposure, exposure, joined(link.transform, inverse(self._exposed_at)))
        if found is None:
            return replace(link, gain=before.gain, gains=before.gains)
        share = exposure.light.mean(axis=(0, 1)) * (
            np.array(LUMA_SHARES) / 256 if channels == 3 else 1.0)
        return replace(link, gain=float(found @ share / max(float(share.sum()), 1e-12)),
                       gains=tuple(found.tolist()))

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Finds the range of a sweep: coarse sweeps over the travel of the lens. It knows no ROS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from focus_stacking_ros.core.focus.tile_sharpness import noise_scatter, tile_sharpness
from focus_stacking_ros.core.optics.calibration import FocusScale
from focus_stacking_ros.core.optics.lens_scale import focus_position
from focus_stacking_ros.core.optics.range_search import FocusRange, RangeError, RangeSearch
from focus_stacking_ros.core.optics.sweep_plan import MAX_POSITIONS
from focus_stacking_ros.core.region import RegionError
from focus_stacking_ros.core.slices import Image
from focus_stacking_ros.ros.messages.stamp import Stamp
from focus_stacking_ros.ros.sweeper.exposing import Exposer, Lens
from focus_stacking_ros.ros.sweeper.options import SweepOptions
from focus_stacking_ros.ros.sweeper.outcome import (
    Outcome,
    Phase,
    SweepError,
    SweepStoppedError,
    Tag,
    Watch,
)
import numpy as np
from numpy.typing import NDArray

__all__ = ['FoundRange', 'Images', 'RangeFinder']


class Images(Protocol):
    """The images of a camera."""

    def wait(self, stamp: Stamp, timeout_seconds: float) -> Image | None:
        """
        Return the image of a stamp; None where it does not come in time, or a stop is asked for.

        Where it has been lost, it is the next one: lens and light wait, so that shows the same.

        :raises ValueError: it cannot be read
        """


@dataclass(frozen=True)
class FoundRange:
    """
    The range of a sweep, as parameters have it.

    :param near: first position, focus.unit
    :param far: last position, focus.unit
    :param count: number of positions
    :param unit: focus.unit
    :param step: between two positions: dioptres, or raw
    :param exposures: that it was found from
    :param remark: what may be wrong with it, '' for nothing
    """

    near: float
    far: float
    count: int
    unit: str
    step: float
    exposures: int
    remark: str = ''

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of the sweeper that make this range its sweep, by name."""
        return {'sweep.positions': [], 'sweep.near': self.near, 'sweep.far': self.far,
                'sweep.count': self.count, 'sweep.spacing': 'dioptres'}

    def applied(self, options: SweepOptions) -> SweepOptions:
        """Return options of a sweep over this range."""
        return replace(options, sweep_positions=(), sweep_near=self.near, sweep_far=self.far,
                       sweep_count=self.count, sweep_spacing='dioptres')

    def said(self) -> dict[str, Any]:
        """Return the range as JSON-ready values."""
        return {'near': self.near, 'far': self.far, 'count': self.count, 'unit': self.unit,
                'step': round(self.step, 6),
                'step_unit': 'raw' if self.unit == 'raw' else 'dioptres',
                'exposures': self.exposures}


class _Finding(Watch):
    """Tells of the exposures of a search as of one phase."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def entered(self, phase: Phase) -> None:
        """Take note of what is done now: all of it is the search."""
        self._watch.entered(Phase.RANGING)


class RangeFinder:
    """
    Finds ranges, in the thread that makes sweeps.

    :param exposer: moves the lens and chooses exposures
    """

    def __init__(self, exposer: Exposer) -> None:
        self._exposer = exposer

    def find(self, lens: Lens, options: SweepOptions, images: Images, watch: Watch) -> FoundRange:
        """
        Return the range in which everything sharp in the region of interest lies.

        Nothing is tagged: no stacking node hears of these exposures.

        :param lens: that is moved
        :param options: travel, region of interest, when the lens stands still
        :param images: of the camera
        :param watch: is told of it
        :raises LensError: the lens refuses a position
        :raises SweepError: lens or camera fail, or there is no range to be found
        """
        try:
            ends = options.travel()
            coordinates = [_coordinate(end, options.focus_unit) for end in ends]
            search = RangeSearch(min(coordinates), max(coordinates), options.range_count,
                                 noise_scatter())
            falls = coordinates[0] > coordinates[1]
            while wanted := search.wanted():
                self._look(lens, wanted[::-1] if falls else wanted, options, images, search,
                           watch)
            found = search.result()
        except RangeError as error:
            raise SweepError(f'no range found: {error}', Outcome.NO_RANGE) from error
        return _in_unit(found, falls, options.focus_unit, len(search))

    def _look(self, lens: Lens, coordinates: Sequence[float], options: SweepOptions,
              images: Images, search: RangeSearch, watch: Watch) -> None:
        """Expose and measure at some coordinates."""
        watch.entered(Phase.RANGING)
        watch.planned(len(coordinates))
        at = {_position(each, options.focus_unit): each for each in coordinates}
        region = options.region()
        best: list[NDArray[np.float64]] = []  # of the lights of a position

        def chosen(tag: Tag) -> None:
            nonlocal best
            stamp = (tag.header.stamp.sec, tag.header.stamp.nanosec)
            try:
                image = images.wait(stamp, options.camera_timeout)
                if image is None:
                    if self._exposer.stopped.is_set():
                        raise SweepStoppedError('the search was stopped')
                    raise SweepError(
                        f'no image came within {options.camera_timeout:g} s of the exposure at '
                        f'{tag.position:g}', Outcome.CAMERA_FAILED)
                found = tile_sharpness(region.of(image))
                best = [np.maximum(*each) for each in zip(best, found, strict=True)] if (
                    tag.light) else list(found)
                if tag.is_last:
                    search.add(at[tag.position], best)
            except RegionError as error:
                raise SweepError(str(error), Outcome.INVALID_GOAL) from error
            except ValueError as error:
                raise SweepError(f'no range found: {error}', Outcome.NO_RANGE) from error
            watch.exposed(tag)

        self._exposer.expose(lens, tuple(at), options, chosen, _Finding(watch))


def _coordinate(position: float, unit: str) -> float:
    """Return a focus position as a coordinate in which blur is linear: dioptres, or raw."""
    distance = FocusScale(unit).distance_m(position)
    return position if distance is None or unit == 'dioptres' else 1 / distance


def _position(coordinate: float, unit: str) -> float:
    return coordinate if unit == 'raw' else focus_position(1 / coordinate, unit)


def _in_unit(found: FocusRange, falls: bool, unit: str, exposures: int) -> FoundRange:
    """Return a range as focus positions, from near to far."""
    count = found.count
    if count > MAX_POSITIONS:
        raise RangeError(f'what is sharp takes {count} positions; a sweep has at most '
                         f'{MAX_POSITIONS}: give a smaller region of interest')
    low, high = _position(found.low, unit), _position(found.high, unit)
    near, far = (high, low) if falls else (low, high)
    below, above = found.cut[::-1] if falls else found.cut
    cut = ['near'] * below + ['far'] * above
    remark = ('' if not cut else f'what is sharp goes up to the {" and the ".join(cut)} end of '
              'the travel; there may be more beyond')
    return FoundRange(near, far, count, unit, (found.high - found.low) / (count - 1), exposures,
                      remark)

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""SweepOptions: the tunables of the node that sweeps the focus."""

from __future__ import annotations

from dataclasses import dataclass
import itertools
from typing import ClassVar

from focus_stacking_ros.core.optics.calibration import FOCUS_UNITS, parse_table
from focus_stacking_ros.core.optics.lens_scale import (
    focus_position,
    LENS_UNITS,
    LensScale,
    LensScaleError,
)
from focus_stacking_ros.core.optics.range_search import RangeError
from focus_stacking_ros.core.optics.sweep_plan import (
    checked_positions,
    MAX_POSITIONS,
    Optics,
    SPACINGS,
    sweep_positions,
    SweepPlanError,
)
from focus_stacking_ros.core.option import check_options, HoldsFrom, option
from focus_stacking_ros.core.region_options import RegionOptions
from focus_stacking_ros.ros.sweeper.sequence import Settling

__all__ = ['SweepOptions']


@dataclass(frozen=True)
class SweepOptions(RegionOptions):
    """
    Tunables of the sweeper node; declared like StackOptions, used in the same way.

    :raises OptionError: an option has a wrong type or is outside its range
    """

    HOLDS_FROM: ClassVar[HoldsFrom] = 'next sweep'

    continuous: bool = option(
        False, 'sweep up and down without end, one result per half-sweep; otherwise a sweep is '
        'made when ~/sweep is called', holds_from='now')

    focus_unit: str = option(
        'metres', 'unit of the positions, of focus_command (unless lens.unit is another), of the '
        'feedback (see feedback.unit) and of focus_position; that of the stacking node too',
        group='focus', choices=FOCUS_UNITS)

    sweep_positions: tuple[float, ...] = option(
        (), 'focus positions in the order of the sweep, in focus.unit; empty: from sweep.near to '
        'sweep.far', group='sweep')
    sweep_near: float = option(
        0.0, 'first position, in focus.unit', group='sweep', limits=(-1e9, 1e9))
    sweep_far: float = option(
        0.0, 'last position, in focus.unit', group='sweep', limits=(-1e9, 1e9))
    sweep_count: int = option(
        0, 'number of positions; 0 chooses it from the depth of field, for which '
        'lens.f_number, lens.focal_length and camera.pixel_size must be given', group='sweep',
        unit='positions', limits=(0, MAX_POSITIONS))
    sweep_spacing: str = option(
        'dioptres', 'equal steps of dioptres, which are equal steps of blur, or linear: equal '
        'steps of focus.unit', group='sweep', choices=SPACINGS)
    sweep_step: float = option(
        0.75, 'longest step where the number of positions follows from the depth of field',
        group='sweep', unit='depths of field', limits=(0.05, 10.0))

    range_near: float = option(
        0.0, 'near end of the travel that ~/find_range looks through, in focus.unit; 0 for both '
        'ends: that of lens.table', group='range', limits=(-1e9, 1e9))
    range_far: float = option(
        0.0, 'far end of that travel, in focus.unit', group='range', limits=(-1e9, 1e9))
    range_count: int = option(
        31, 'positions of each coarse sweep of ~/find_range', group='range', unit='positions',
        limits=(9, 127))

    lens_driver: str = option(
        'topic', 'how the lens is told a position: topic (focus_command) or parameter (of '
        'another node)', group='lens', choices=('topic', 'parameter'))
    lens_node: str = option(
        '', 'for the driver parameter: name of the node whose parameter moves the lens, such as '
        '/camera', group='lens')
    lens_parameter: str = option(
        '', 'for the driver parameter: its name, such as focus_absolute (v4l2_camera), r_focus '
        '(depthai) or LensPosition (camera_ros)', group='lens')
    lens_parameter_type: str = option(
        'integer', 'for the driver parameter: type of the parameter; integers are rounded',
        group='lens', choices=('integer', 'double'))
    lens_unit: str = option(
        'same', 'what the lens takes: the position itself (same), a distance in another unit, or '
        'a value from lens.table (table)', group='lens', choices=LENS_UNITS)
    lens_table: str = option(
        '', "calibration table: pairs of what the lens takes and metres, such as '310: 0.10, "
        "265: 0.11'; monotone, linear in dioptres between the pairs, nothing beyond them",
        group='lens')
    lens_f_number: float = option(
        0.0, 'f-number, for the depth of field; 0: not known', group='lens', limits=(0.0, 1000.0))
    lens_focal_length: float = option(
        0.0, 'focal length, for the depth of field; 0: not known', group='lens', unit='metres',
        limits=(0.0, 10.0))
    camera_pixel_size: float = option(
        0.0, 'distance of two pixels on the sensor, for the depth of field; 0: not known',
        group='camera', unit='metres', limits=(0.0, 0.001))
    settle_by: str = option(
        'time', 'when the lens stands still: settle.time after the command, or when '
        'focus_feedback has been there for settle.time', group='settle',
        choices=('time', 'feedback'))
    settle_time: float = option(
        0.2, 'time from the command until the lens stands still; with feedback: for which the '
        'lens must have said that it is there', group='settle', unit='seconds',
        limits=(0.0, 60.0))
    settle_tolerance: float = option(
        0.1, 'largest difference between feedback and command', group='settle',
        unit='smallest steps of the sweep', limits=(0.0, 1.0))
    settle_timeout: float = option(
        5.0, 'for taking a command and, with feedback, for getting there; a lens that needs '
        'longer ends the sweep', group='settle', unit='seconds', limits=(0.05, 600.0))

    light_count: int = option(
        1, 'lights, under each of which there is an exposure at each position: light_command '
        'switches them; 1: none is switched. stack.lights of the stacking node is to be the same',
        group='light', unit='lights', limits=(1, 16))
    light_settle_by: str = option(
        'time', 'when a light shines: light.settle_time after the command, or when '
        'light_feedback has said so for light.settle_time', group='light',
        choices=('time', 'feedback'))
    light_settle_time: float = option(
        0.1, 'time from the command until the light shines; with feedback: for which it must '
        'have been said', group='light', unit='seconds', limits=(0.0, 60.0))
    light_settle_timeout: float = option(
        5.0, 'for taking a command and, with feedback, for coming on; a light that needs longer '
        'ends the sweep', group='light', unit='seconds', limits=(0.05, 600.0))

    feedback_message: str = option(
        'float64', 'how the lens says where it is: float64, float32 or int32 on focus_feedback, '
        'or joint_state: feedback.joint in joint_states', group='feedback',
        choices=('float64', 'float32', 'int32', 'joint_state'), holds_from='start')
    feedback_joint: str = option(
        'focus', 'name of the joint, for feedback.message joint_state', group='feedback',
        holds_from='now')
    feedback_unit: str = option(
        'focus', 'unit of the feedback: focus.unit (focus), or that of what the lens takes, '
        'lens.unit (lens)', group='feedback', choices=('focus', 'lens'), holds_from='now')

    camera_stamps: str = option(
        'auto', 'topic that exposures are noticed on: camera_info, image, or auto: camera_info '
        'where somebody publishes it', group='camera', choices=('auto', 'camera_info', 'image'),
        holds_from='now')
    camera_stamp_delay: float = option(
        0.0, 'how long after the beginning of its exposure an image is stamped, at most; 0 where '
        'the stamp is the beginning of the exposure, as ROS has it', group='camera',
        unit='seconds', limits=(0.0, 60.0))
    camera_timeout: float = option(
        5.0, 'for an exposure once the lens stands still; a camera that needs longer ends the '
        'sweep', group='camera', unit='seconds', limits=(0.05, 600.0))

    stacker_node: str = option(
        'stacker', 'name of the stacking node; empty: only sweep, and leave the stack to '
        'somebody else', group='stacker', holds_from='start')
    stacker_configure: bool = option(
        True, 'set stack.end and stack.size of the stacking node to what the sweep needs',
        group='stacker')
    stacker_timeout: float = option(
        60.0, 'for the result, once the last slice is tagged, and for the answers of the '
        'stacking node', group='stacker', unit='seconds', limits=(0.1, 3600.0))
    stacker_patience: float = option(
        10.0, 'time for the last slices to arrive and to be fused before the stacking node is '
        'asked to fuse what it has; its stack.timeout may end the stack before', group='stacker',
        unit='seconds', limits=(0.0, 600.0))
    stacker_on_failure: str = option(
        'reset', 'what becomes of the slices of a sweep that fails: they are dropped (reset) or '
        'fused (process)', group='stacker', choices=('reset', 'process'))

    retry_pause: float = option(
        2.0, 'pause after a failed half-sweep before continuous sweeping begins anew',
        group='retry', unit='seconds', limits=(0.1, 3600.0), holds_from='now')

    def __post_init__(self) -> None:
        check_options(self)

    def travel(self) -> tuple[float, float]:
        """
        Return the near and the far end of what a search looks through, in focus.unit.

        :raises RangeError: they are not given, or no distances
        """
        ends = (self.range_near, self.range_far)
        if ends == (0.0, 0.0) and self.lens_unit == 'table':
            table = self.lens_scale().table
            assert table is not None
            metres = sorted(distance for _, distance in table.pairs)
            return (focus_position(metres[0], self.focus_unit),
                    focus_position(metres[-1], self.focus_unit))
        if ends[0] == ends[1]:
            raise RangeError('there is no travel to look through: set range.near and range.far to '
                             'the ends of what the lens can do')
        try:
            sweep_positions(*ends, self.focus_unit, count=2)
        except SweepPlanError as error:
            raise RangeError(f'range.near and range.far make no travel: {error}') from error
        return ends

    def positions(self) -> tuple[float, ...]:
        """
        Return the positions of a sweep, in focus.unit.

        :raises SweepPlanError: they are not given, or make no sweep
        """
        if self.sweep_positions:
            positions = checked_positions(self.sweep_positions, self.focus_unit)
        elif self.sweep_near == self.sweep_far:
            raise SweepPlanError('there is nothing to sweep: set sweep.near and sweep.far, or '
                                 'sweep.positions')
        else:
            positions = sweep_positions(
                self.sweep_near, self.sweep_far, self.focus_unit, count=self.sweep_count,
                spacing=self.sweep_spacing, optics=self._optics(), step_share=self.sweep_step)
        steps = [after - before for before, after in itertools.pairwise(positions)]
        if self.continuous and min(steps) < 0 < max(steps):
            raise SweepPlanError('continuous sweeping needs positions that rise or fall; '
                                 'sweep.positions turns')
        return positions

    def settling(self, positions: tuple[float, ...]) -> Settling:
        """Return when the lens stands still at the positions of a sweep."""
        ordered = sorted(positions)
        step = min(after - before for before, after in itertools.pairwise(ordered))
        return Settling(
            self.settle_time, self.settle_tolerance * step if self.settle_by == 'feedback'
            else None, self.settle_timeout)

    def lighting(self) -> Settling:
        """Return when a light shines."""
        return Settling(self.light_settle_time, 0.0 if self.light_settle_by == 'feedback'
                        else None, self.light_settle_timeout)

    def lens_scale(self) -> LensScale:
        """
        Return what the lens takes for a position.

        :raises LensScaleError: the units do not go together, or the table is no monotone one
        """
        try:
            table = parse_table(self.lens_table)
        except ValueError as error:
            raise LensScaleError(f'lens.table is {self.lens_table!r}: {error}') from error
        return LensScale(self.focus_unit, self.lens_unit, table)

    def _optics(self) -> Optics | None:
        values = (self.lens_f_number, self.lens_focal_length, self.camera_pixel_size)
        return Optics(*values) if all(values) else None

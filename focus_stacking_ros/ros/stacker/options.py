# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""NodeOptions: the tunables of the stacking node that are not the algorithm's."""

from __future__ import annotations

from dataclasses import dataclass

import focus_stacking_ros.backends  # noqa: F401 - registers what may be chosen
from focus_stacking_ros.core.optics.calibration import FOCUS_UNITS, FocusScale, parse_table
from focus_stacking_ros.core.option import check_options, option, OptionError
from focus_stacking_ros.core.region_options import RegionOptions
from focus_stacking_ros.core.slices import MAX_SLICES
from focus_stacking_ros.core.stack.backend import backend_choices
from focus_stacking_ros.core.stack.end import STACK_ENDS

__all__ = ['FOCUS_SOURCES', 'NodeOptions']

#: Where the focus position of an image comes from.
FOCUS_SOURCES = ('point', 'typed', 'joint_state', 'float32', 'diagnostics', 'tf')


@dataclass(frozen=True)
class NodeOptions(RegionOptions):
    """
    Tunables of the stacking node; declared like StackOptions, used in the same way.

    :raises OptionError: an option has a wrong type or is outside its range
    """

    backend: str = option(
        'auto', 'who does the per-slice work; auto takes the first that works here',
        choices=backend_choices, holds_from='configuration')
    autostart: bool = option(
        True, 'configure and activate the node at start; false leaves that to a lifecycle '
        'manager', holds_from='start')

    input_transport: str = option(
        'raw', 'subscribe image (raw) or image/compressed (compressed)', group='input',
        choices=('raw', 'compressed'), holds_from='first activation')
    input_reliability: str = option(
        'auto', 'reliability of the subscriptions; auto is best effort only where every '
        'publisher of the images is', group='input',
        choices=('auto', 'reliable', 'best_effort'), holds_from='first activation')
    input_depth: int = option(
        20, 'messages that the subscriptions and the pairing keep', group='input',
        unit='messages', limits=(1, 1000), holds_from='first activation')
    input_rectified: bool = option(
        False, 'whether the images are rectified already: rays of the point cloud are then those '
        'of P of the camera info, else those of K and D', group='input',
        holds_from='first activation')

    focus_source: str = option(
        'point', 'where the focus position of an image comes from: point (focus_position with the '
        'header of the image), typed (focus_position_stamped of focus_stacking_interfaces, which '
        "says its unit), joint_state (focus.joint in joint_states at the image's stamp), "
        'float32 (the latest lens_position before the stamp), diagnostics (focus.diagnostics_key '
        'in /diagnostics with the header of the image) or tf (a lens of fixed focus on a moving '
        'camera; see motion.fixed_frame)', group='focus', choices=FOCUS_SOURCES,
        holds_from='activation')
    focus_unit: str = option(
        'metres', 'unit of the focus position; raw positions order the slices, and give a metric '
        'depth by focus.table only; with focus.source tf it is metres always', group='focus',
        choices=FOCUS_UNITS)
    focus_table: str = option(
        '', "what raw positions mean, as pairs of a raw value and metres, such as '100: 0.35, "
        "400: 0.21'; monotone, linear in dioptres between the pairs, nothing beyond them",
        group='focus')
    focus_offset_metres: float = option(
        0.0, 'added to the focus distance; a lens scale that counts from the sensor needs a '
        'negative one; for focus.source tf the distance of the focal plane from the camera',
        group='focus', unit='metres', limits=(-10.0, 10.0))
    focus_joint: str = option(
        'focus', 'name of the joint, for focus.source joint_state', group='focus',
        holds_from='activation')
    focus_joint_gap: float = option(
        0.2, 'longest time between two joint states that the position is interpolated in',
        group='focus', unit='seconds', limits=(0.001, 60.0), holds_from='activation')
    focus_diagnostics_key: str = option(
        'LensPosition', 'key of the value, for focus.source diagnostics', group='focus',
        holds_from='activation')
    focus_diagnostics_hardware: str = option(
        '', 'hardware_id of the status, for focus.source diagnostics; empty for any',
        group='focus', holds_from='activation')

    motion_fixed_frame: str = option(
        '', 'frame of TF that does not move with the arm; a slice whose camera has moved in it '
        'is refused; empty: not looked at', group='motion', holds_from='activation')
    motion_max_metres: float = option(
        0.001, 'greatest movement of the camera, or of the point it looks at, since the first '
        'slice of the stack; across the optical axis only for focus.source tf', group='motion',
        unit='metres', limits=(0.0, 1000.0))
    motion_wait: float = option(
        1.0, "longest wait for the transform at an image's stamp", group='motion',
        unit='seconds', limits=(0.01, 60.0), holds_from='activation')

    camera_nominal_focal_length: float = option(
        0.0, 'focal length for the point cloud where the camera is not calibrated, with the '
        "principal point in the image's middle; 0: no point cloud then", group='camera',
        unit='pixels', limits=(0.0, 1e6))

    stack_end: str = option(
        'count', 'what ends a stack: count (stack.size slices), reversal (the focus sweep turns '
        'or jumps back) or service (~/process); stack.timeout always does', group='stack',
        choices=STACK_ENDS)
    stack_size: int = option(
        10, 'slices of a stack', group='stack', unit='slices', limits=(2, MAX_SLICES))
    stack_timeout: float = option(
        5.0, 'time since the last slice after which a stack ends', group='stack',
        unit='seconds', limits=(0.05, 86400.0))

    output_stamp: str = option(
        'last', 'stamp of the results: that of the last slice or of the reference slice',
        group='output', choices=('last', 'reference'))
    output_reliability: str = option(
        'reliable', 'reliability of the results', group='output',
        choices=('reliable', 'best_effort'), holds_from='first configuration')
    output_durability: str = option(
        'transient_local', 'whether late subscribers get the last result (transient_local) or '
        'only what an unserved output still keeps (volatile)', group='output',
        choices=('transient_local', 'volatile'), holds_from='first configuration')
    output_compressed_format: str = option(
        'jpeg', 'format of the compressed images; 16-bit images are sent as png always',
        group='output', choices=('jpeg', 'png'))
    output_jpeg_quality: int = option(
        90, 'quality of the compressed images, for jpeg', group='output', unit='percent',
        limits=(1, 100))
    depth_encoding: str = option(
        '32FC1', 'encoding of the depth image: metres (32FC1) or millimetres (16UC1, 0 is none)',
        group='depth', choices=('32FC1', '16UC1'))
    preview_near: float = option(
        0.0, 'depth shown as nearest in the preview; 0 for both ends: the range of each result',
        group='preview', unit='metres', limits=(0.0, 1000.0))
    preview_far: float = option(
        0.0, 'depth shown as farthest in the preview', group='preview', unit='metres',
        limits=(0.0, 1000.0))

    def __post_init__(self) -> None:
        check_options(self)
        self.focus_scale()

    def focus_scale(self) -> FocusScale:
        """
        Return what focus positions mean in metres.

        :raises OptionError: focus.table is no monotone table
        """
        try:
            table = parse_table(self.focus_table)
        except ValueError as error:
            raise OptionError(f'focus.table is {self.focus_table!r}: {error}') from error
        unit = 'metres' if self.focus_source == 'tf' else self.focus_unit
        return FocusScale(unit, self.focus_offset_metres, table)

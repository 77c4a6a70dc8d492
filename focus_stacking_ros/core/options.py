# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""StackOptions: every tunable of the stacking algorithm, its unit, range and meaning, once."""

from __future__ import annotations

from dataclasses import dataclass

from focus_stacking_ros.core.focus.measure import FOCUS_MEASURES
from focus_stacking_ros.core.optics.field import FIELD_TERMS
from focus_stacking_ros.core.option import check_options, option, OptionError

__all__ = ['StackOptions']


@dataclass(frozen=True)
class StackOptions:
    """
    Tunables of a focal stack's alignment, depth and fusion.

    The ROS parameters, the command-line flags and the table in ``docs/parameters.md`` are
    generated from the fields below.

    :raises OptionError: an option has a wrong type or is outside its range
    """

    method: str = option(
        'default', 'default retains the slices and fuses without halos at the end; streaming '
        'keeps a state of fixed size per pixel, whatever the number of slices; quality measures '
        'the focus in two ways; notebook is the baseline, with numbers of its own '
        '(docs/notebook.md)', choices=('default', 'streaming', 'quality', 'notebook'))
    reference: str = option(
        'narrowest', 'slice whose pixel grid the results are delivered in; first and last go '
        'by arrival, nearest, middle and farthest by focal distance',
        choices=('narrowest', 'nearest', 'farthest', 'first', 'last', 'middle'))
    input_significant_bits: int = option(
        0, 'bits that 16-bit images really use, such as 12 of a 12-bit camera; 0 finds the least '
        'of 8, 10, 12, 14 and 16 that hold the values of the stack', group='input', unit='bits',
        limits=(0, 16))
    input_sensor_defects: bool = option(
        True, 'fill spots that stay put while the picture moves over the sensor from slice to '
        'slice, defective pixels and dust, from around them; methods default and quality',
        group='input')

    stack_lights: int = option(
        1, 'images that are taken one after the other at each focus position, each under another '
        'light. The first registers all, the depth is from the best of them, and each light gets '
        'its all-in-focus image; methods default and quality', group='stack', unit='lights',
        limits=(1, 16), holds_from='configuration')

    alignment_model: str = option(
        'auto', 'geometric difference between slices that is estimated: none, translation, '
        'similarity (scale and shift; rotation where the images show one), affine, projective (a '
        'camera in the hand, or tilted) or auto: the least of the last three that the whole stack '
        'supports', group='alignment',
        choices=('auto', 'none', 'translation', 'similarity', 'affine', 'projective'))
    alignment_magnification: str = option(
        'estimated', 'estimated from the images, or known: then magnification_per_dioptre says '
        'how it changes with the focus, and only shift and rotation are estimated; focal lengths '
        'of the camera that differ between the slices are used in any case', group='alignment',
        choices=('estimated', 'known'))
    alignment_magnification_per_dioptre: float = option(
        0.0, 'change of the magnification per dioptre of focus, as a share of the magnification '
        'at infinity; 0 for a telecentric lens', group='alignment', unit='1/dioptre',
        limits=(-1.0, 1.0))
    alignment_refine: bool = option(
        True, 'register all slices once more together, at full resolution, when the stack is '
        'complete; not in streaming', group='alignment')
    alignment_gain: bool = option(
        True, 'estimate and remove brightness differences between slices', group='alignment')

    focus_measure_operator: str = option(
        'ring_difference', 'focus measure, of luma; that of log_norm (Laplacian of Gaussian) is '
        'the norm over the colour channels', group='focus_measure',
        choices=lambda: tuple(FOCUS_MEASURES))
    focus_measure_window: int = option(
        7, 'side of the square window the focus measure is averaged over', group='focus_measure',
        unit='pixels', limits=(3, 31), odd=True)

    depth_smoothing: float = option(
        250.0, 'strength of the edge-aware smoothing of the depth (lambda of the fast global '
        'smoother)', group='depth', limits=(0.0, 1e5))
    depth_edge_contrast: float = option(
        5.0, 'grey-level difference of the all-in-focus image that counts as an edge of the '
        'depth', group='depth', unit='8-bit grey levels', limits=(0.1, 255.0))
    depth_outlier: float = option(
        0.5, 'distance from the smoothed depth at which a pixel loses half its weight',
        group='depth', unit='widths of the focus curve', limits=(0.05, 100.0))
    depth_prefer: str = option(
        'nearest', 'surface that the depth is of where two are seen through one another, as '
        'behind glass or in amber; confidence is low there in any case. streaming knows the '
        'strongest only', group='depth', choices=('nearest', 'strongest', 'farthest'))
    depth_field: tuple[float, ...] = option(
        (0.0, 0.0, 0.0, 0.0, 0.0), 'by how much nearer than on its axis the lens focuses at a '
        'place (x, y) of the image, in half widths from its middle: coefficients of x, y, x², xy '
        'and y², as `calibrate` finds them (field curvature, tilt of the sensor)', group='depth',
        unit='dioptres', limits=(-100.0, 100.0))
    depth_min_confidence: float = option(
        0.1, 'confidence below which the metric depth is NaN', group='depth', limits=(0.0, 1.0))
    depth_fill: bool = option(
        False, 'keep the smoothed depth where confidence is low instead of NaN', group='depth')

    fusion_depth_gate: float = option(
        0.7, 'greatest standard deviation of the weight around the depth with which slices enter '
        'the all-in-focus image; narrower where there is detail and where slices lie farther '
        'apart than the focus curve is wide, wider in sweeps of fine steps', group='fusion',
        unit='slices', limits=(0.3, 10.0))
    fusion_sharpness_power: float = option(
        12.0, 'power of the local sharpness in the weight with which slices enter the '
        'all-in-focus image', group='fusion', limits=(0.0, 15.0))
    fusion_max_retained_megabytes: int = option(
        2048, 'memory for retained slices; a stack that outgrows it is refused further slices',
        group='fusion', unit='megabytes', limits=(1, 1048576))

    def __post_init__(self) -> None:
        check_options(self)
        if self.stack_lights > 1 and self.method in ('streaming', 'notebook'):
            raise OptionError(f'stack.lights is {self.stack_lights} and method {self.method}, '
                              'which takes one light; set the method to default or quality')
        if len(self.depth_field) != len(FIELD_TERMS):
            raise OptionError(f'depth.field is {self.depth_field!r}; it takes {len(FIELD_TERMS)} '
                              f'numbers, the coefficients of {", ".join(FIELD_TERMS)}')

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The stages of alignment in C++ (backends/cpp/registration.hpp)."""

from __future__ import annotations

from collections.abc import Sequence
import ctypes

import cv2
from focus_stacking_ros.backends.native_comparison import NativeComparison
from focus_stacking_ros.backends.native_library import plain
from focus_stacking_ros.core.align import level_fit, pyramid
from focus_stacking_ros.core.align.level_fit import LevelFit
from focus_stacking_ros.core.align.motion import PARAMETERS
from focus_stacking_ros.core.align.pyramid import AlignmentFrame, Level
from focus_stacking_ros.core.slices import FloatImage, Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['NativeAlignment']

_POINTER, _INTEGER, _DOUBLE = ctypes.c_void_p, ctypes.c_int32, ctypes.c_double
_MODELS = {name: number for number, name in enumerate(
    ('translation', 'rigid', 'scale', 'similarity', 'affine', 'projective'))}
_MOST = 8  # parameters of a motion
_SMOOTHING = cv2.getGaussianKernel(5, pyramid.SMOOTHING, cv2.CV_32F)[:, 0]
_RULES = np.array([*_SMOOTHING, pyramid.EXPANDED[pyramid.CLIPPED_LUMA], pyramid.NOISE_DETAIL,
                   pyramid.NOISE_SLOPE], np.float32)


class _Pair(ctypes.Structure):
    """A level of two slices; see backends/cpp/registration.hpp."""

    _fields_ = (*((name, _POINTER) for name in (
        'template_grey', 'template_cells', 'image_grey', 'image_cells')),
        ('rows', _INTEGER), ('columns', _INTEGER))


class _Rules(ctypes.Structure):
    """How a level is fitted; see backends/cpp/registration.hpp."""

    _fields_ = (*((name, _DOUBLE) for name in (
        'share', 'correlated', 'doubt', 'blurred', 'prior', 'tolerance')),
        *((name, _INTEGER) for name in (
            'cells', 'least_cells', 'all_of', 'steps', 'cubed', 'factor', 'model')))


class _Fit(ctypes.Structure):
    """What a fit has found; see backends/cpp/registration.hpp."""

    _fields_ = (('transform', _DOUBLE * 9), ('residual', _DOUBLE), ('agreement', _DOUBLE),
                ('information', _DOUBLE * _MOST ** 2), ('trade', _DOUBLE * _MOST ** 2),
                ('found', _INTEGER))


class NativeAlignment(NativeComparison):
    """
    The stages of alignment in C++; see `core.align.stages.AlignmentStages` for the methods.

    :param library: the native library
    """

    def prepare(self, grey: NDArray[np.int16], count: int | None = None,
                valid: NDArray[np.uint8] | None = None,
                half: NDArray[np.int16] | None = None) -> AlignmentFrame:
        """Build what alignment needs of a slice."""
        return pyramid.prepare(grey, count, valid, half, self._planes)

    def _planes(self, grey: NDArray[np.int16], halve: bool, count: int
                ) -> Sequence[tuple[FloatImage, FloatImage]]:
        """Build the levels of a slice: see `core.align.pyramid.Planes`."""
        luma, planes = plain(grey, np.int16), []
        for number in range(count):
            height, width = (side >> number + halve for side in grey.shape)
            planes.append((np.empty((height, width), np.float32),
                           np.empty(((height + 1) // 2, (width + 1) // 2), np.float32)))
        windows = [pyramid.side_of_window(pyramid.radius_of(number)) for number in range(count)]
        self._library.call(
            'pyramid', luma, *luma.shape, int(halve), count, pyramid.EXPANDED, _RULES,
            np.array(windows, np.int32), pyramid.SAMPLED_CELLS,
            *((_POINTER * count)(*(plane.ctypes.data for plane in each))
              for each in zip(*planes, strict=True)))
        return planes

    def fit_level(self, template: Level, image: Level, start: Transform, model: str,
                  tolerance: float, prior: NDArray[np.float64] | None = None) -> LevelFit | None:
        """Refine a transform at one level."""
        planes = [plain(plane, np.float32) for plane in (
            template.grey, template.cells, image.grey, image.cells)]
        if planes[2].shape != planes[0].shape or planes[3].shape != planes[1].shape:
            raise ValueError(f'levels of two sizes, {planes[0].shape} and {planes[2].shape}')
        pair = _Pair(*(plane.ctypes.data for plane in planes), *planes[0].shape)
        rules = _Rules(level_fit.SHARE, level_fit.CORRELATED, level_fit.DOUBT, level_fit.BLURRED,
                       level_fit.PRIOR, tolerance, level_fit.CELLS, level_fit.LEAST_CELLS,
                       level_fit.ALL_OF,
                       level_fit.MAX_STEPS, template.power == pyramid.FINE_POWER,
                       template.factor, _MODELS[model])
        found, count = _Fit(), PARAMETERS[model]
        self._library.call(
            'fit_level', ctypes.addressof(pair), ctypes.addressof(rules),
            np.ascontiguousarray(start, np.float64),
            None if prior is None else np.ascontiguousarray(prior, np.float64),
            ctypes.addressof(found))
        if not found.found:
            return None
        information, trade = (np.array(each[:count ** 2]).reshape(count, count)
                              for each in (found.information, found.trade))
        return LevelFit(np.array(found.transform).reshape(3, 3), found.residual, found.agreement,
                        information, trade)

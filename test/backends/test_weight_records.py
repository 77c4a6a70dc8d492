# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Planes that decide the weights, by the native library: those of OpenCV's backend."""

from __future__ import annotations

from backends.test_fuse import job_of
from backends.test_specification import TRANSFORMS
from focus_stacking_ros.backends import OpenCVBackend
from focus_stacking_ros.backends.kernel_interface import GUIDE
from focus_stacking_ros.core.fuse.weights import NEVER
import numpy as np
import pytest

NAMES = ('nothing', 'scale', 'rotate', 'shift', 'away')


@pytest.mark.parametrize(('size', 'rows'), [
    ((2, 2), slice(0, 2)), ((17, 33), slice(0, 17)), ((300, 301), slice(128, 256)),
    ((300, 301), slice(256, 300))])
@pytest.mark.parametrize('trust', [None, 0.0, 1.0])
def test_planes_are_those_of_opencv(native, size, rows, trust) -> None:
    job = job_of((*size, 3), np.uint8, [TRANSFORMS[name] for name in NAMES])
    if trust is not None:
        job.guide.trust[:] = trust
    shape = rows.stop - rows.start, size[1]
    ours, theirs = np.empty(shape, GUIDE), np.empty(shape, GUIDE)
    found, expected = (backend.weight_records(job, rows, records) for backend, records in
                       ((native, ours), (OpenCVBackend(), theirs)))
    for name in ('index', 'reach', 'near_level', 'near_offset', 'far_offset'):
        np.testing.assert_array_equal(ours[name], theirs[name], name)
    # Where none may enter from afar, from which level on does not matter.
    enters = theirs['far_offset'] != NEVER
    np.testing.assert_array_equal(ours['far_level'][enters], theirs['far_level'][enters])
    # C++ looks at smaller parts, which let fewer slices in.
    assert found <= expected
    assert found

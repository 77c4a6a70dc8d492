# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Backends for the per-slice work; importing this package registers them."""

from __future__ import annotations

from focus_stacking_ros.backends.emulation import EmulationBackend
from focus_stacking_ros.backends.kria import KriaBackend
from focus_stacking_ros.backends.native import NativeBackend
from focus_stacking_ros.backends.opencv import OpenCVBackend
from focus_stacking_ros.core.stack.backend import register_backend

__all__ = ['EmulationBackend', 'KriaBackend', 'NativeBackend', 'OpenCVBackend']

# In the order in which 'auto' tries them.
register_backend(KriaBackend.name, KriaBackend)
register_backend(NativeBackend.name, NativeBackend)
register_backend(OpenCVBackend.name, OpenCVBackend)
register_backend(EmulationBackend.name, EmulationBackend)

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Measures of a surface: heights over a plane, steps, profiles, roughness."""

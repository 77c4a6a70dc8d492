# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``calibrate``: what a lens does, from focal stacks of targets at known distances."""

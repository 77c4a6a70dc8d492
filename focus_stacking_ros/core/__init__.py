# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The algorithm: focal stacks to all-in-focus image, depth and confidence; never imports ROS."""

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Everything that imports rclpy: a folder for each node, and what the nodes share."""

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The command ``demo``: the ROS 2 system in processes of its own, with pictures."""

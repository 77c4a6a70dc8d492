# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The node `sim_camera`: a simulated inspection camera with a lens that obeys."""

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The node `sweeper`: steps the lens and tags one exposure for each position."""

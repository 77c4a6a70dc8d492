# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The conductor: `FocusStacker` and the order of the stages; it alone knows them all."""

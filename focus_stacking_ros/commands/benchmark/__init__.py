# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The command ``benchmark``: speed and quality, with other programs where installed."""

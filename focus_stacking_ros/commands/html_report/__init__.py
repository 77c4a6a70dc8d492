# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``report.html``: one file to look at a result in, in any browser, without a network."""

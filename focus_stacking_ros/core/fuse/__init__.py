# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The all-in-focus image: whose pixels enter it, and with which weights."""

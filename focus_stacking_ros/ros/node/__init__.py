# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What every node needs: parameters, QoS, a worker thread, diagnostics; knows no node."""

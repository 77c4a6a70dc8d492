# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a lens, a tag or a camera pose says, in metres; where a sweep stops."""

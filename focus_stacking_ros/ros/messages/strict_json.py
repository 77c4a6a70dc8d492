# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""JSON as RFC 8259 has it, which knows no NaN and no infinity."""

from __future__ import annotations

from collections.abc import Mapping
import json
import math
from typing import Any

__all__ = ['strict_json']


def strict_json(value: Any) -> str:
    """
    Return a value as JSON that every reader takes; numbers that are not finite are null.

    :param value: mappings, sequences, words, numbers and None, in each other
    :raises TypeError: something else is in it
    """
    return json.dumps(_plain(value), allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value

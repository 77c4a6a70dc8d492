# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where a camera was focused, by what it or a raw developer wrote into an image file."""

from __future__ import annotations

from collections.abc import Mapping
import re
from typing import Any

from focus_stacking_ros.core.optics.calibration import is_distance

__all__ = ['exif_focus_distance_m', 'xmp_focus_distance_m']

#: EXIF SubjectDistance (CIPA DC-008, section 4.6.5), metres: 0 is unknown, all bits set infinite.
_SUBJECT_DISTANCE = 0x9206
_INFINITE = 0xffffffff
#: What Adobe's raw developers take out of maker notes, metres, as a quotient.
_APPROXIMATE = re.compile(
    rb'aux:ApproximateFocusDistance\s*(?:=\s*["\']|>)\s*(\d{1,10})/(\d{1,10})')


def exif_focus_distance_m(camera: Mapping[int, Any]) -> float | None:
    """
    Return the focus distance of EXIF data, metres; None where it is unknown or infinite.

    :param camera: values by tag of the Exif directory, as Pillow has them
    """
    value = camera.get(_SUBJECT_DISTANCE)
    return _metres(getattr(value, 'numerator', 0), getattr(value, 'denominator', 0))


def xmp_focus_distance_m(xmp: bytes) -> float | None:
    """
    Return the focus distance of XMP data, metres; None where it is unknown or infinite.

    :param xmp: the packet
    """
    found = _APPROXIMATE.search(xmp)
    return None if found is None else _metres(int(found[1]), int(found[2]))


def _metres(numerator: Any, denominator: Any) -> float | None:
    if not (isinstance(numerator, int) and isinstance(denominator, int)):
        return None
    if denominator <= 0 or numerator >= _INFINITE:
        return None
    metres = numerator / denominator
    return metres if is_distance(metres) else None

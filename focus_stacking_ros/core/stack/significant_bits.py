# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Images that use fewer bits than they have: 10 or 12 bits of a camera in 16.

Everything that measures, such as noise in grey levels and what counts as clipped, needs to know
what white is. So slices are worked on in the full range of 16 bits, and the image that results is
brought back to the values that came.
"""

from __future__ import annotations

from focus_stacking_ros.core.refusal import Refusal
from focus_stacking_ros.core.slices import Image, SliceError, stored
import numpy as np

__all__ = ['SignificantBits', 'bits_of']

_USUAL = (8, 10, 12, 14, 16)  # what cameras and converters have
_NEARLY_BLACK = 8  # times as bright, at the brightest, and a slice before says nothing


def bits_of(greatest: int) -> int:
    """Return the least usual number of bits that hold a value."""
    return next(bits for bits in _USUAL if greatest < 1 << bits)


class SignificantBits:
    """
    How many bits of 16 the slices of one stack use.

    The least of 8, 10, 12, 14 and 16 that hold every value so far, so more bits may be found
    later: slices that are kept are then worked on anew. 8-bit images have their 8 bits.

    :param given: the bits; 0 to find them
    :param keeps: whether slices can be worked on anew
    """

    def __init__(self, given: int = 0, *, keeps: bool = True) -> None:
        self._given, self._keeps, self._greatest = given, keeps, 0
        self.bits = given or _USUAL[0]

    def needed(self, image: Image) -> tuple[int, int]:
        """
        Return the bits that the stack has with another slice, and the slice's greatest value.

        :param image: (H, W) or (H, W, 3) uint8 or uint16
        :raises SliceError: the slice has more bits than are given, or than the slices before it
            that are not kept
        """
        if image.dtype == np.uint8:
            return 8, 0
        greatest = int(stored(image)[0].max())
        found = bits_of(greatest)
        if self._given:
            if greatest >= 1 << self._given:
                raise SliceError(
                    Refusal.BITS, f'a pixel is {greatest}, and input.significant_bits is '
                    f'{self._given}, which ends at {(1 << self._given) - 1}; set it to {found}, '
                    'or to 0 to have it found')
            return self._given, greatest
        if (found > self.bits and self._greatest and not self._keeps
                and not self.is_nearly_black(greatest)):
            raise SliceError(
                Refusal.BITS, f'a pixel is {greatest}, {found} significant bits, and the slices '
                f'before it have {self.bits}, of which streaming fusion keeps none to work on '
                f'anew; set input.significant_bits to {found} or more')
        return max(found, self.bits), greatest

    def is_nearly_black(self, greatest: int) -> bool:
        """Return whether all slices so far are next to black beside one of this greatest value."""
        return greatest >= _NEARLY_BLACK * self._greatest

    def note(self, bits: int, greatest: int) -> None:
        """Take what `needed` returned for a slice that the stack has accepted."""
        self.bits, self._greatest = bits, max(self._greatest, greatest)

    def widened(self, image: Image, bits: int) -> Image:
        """Return a slice of so many significant bits in the full range; itself where it is."""
        if image.dtype == np.uint8 or bits == 16:
            return image
        pixels, reverse = stored(image)
        wide = np.left_shift(pixels, 16 - bits)
        return wide[..., ::-1] if reverse else wide

    def narrowed(self, image: Image) -> Image:
        """Return an image of the full range in the values of the slices, halves rounded up."""
        shift = 16 - self.bits
        if image.dtype == np.uint8 or shift == 0:
            return image
        rounded = (image >> np.uint16(shift)) + ((image >> np.uint16(shift - 1)) & np.uint16(1))
        return np.asarray(np.minimum(rounded, (1 << self.bits) - 1), np.uint16)

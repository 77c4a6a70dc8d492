# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pairing of images and focus positions by identical stamps."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from focus_stacking_ros.core.optics.camera_pose import CameraPose
from focus_stacking_ros.ros.messages.focus_position import Claim
from focus_stacking_ros.ros.messages.stamp import Stamp

__all__ = ['Pair', 'StampPairing']

ImageT = TypeVar('ImageT')


@dataclass(frozen=True)
class Pair(Generic[ImageT]):
    """
    An image with its focus position.

    :param stamp: the stamp both carry
    :param image: the image message
    :param position: focus position in the unit of the tag
    :param pose: of the camera at the stamp, None where it is unknown
    :param jumps: how often time had jumped back before
    :param claim: what the position says of itself, None where it is only a number
    """

    stamp: Stamp
    image: ImageT
    position: float
    pose: CameraPose | None = None
    jumps: int = 0
    claim: Claim | None = None

    @property
    def light(self) -> int | None:
        """Return the number of the light it was taken under, None where its tag has none."""
        return None if self.claim is None else self.claim.light


@dataclass
class StampPairing(Generic[ImageT]):
    """
    Matches images and focus positions whose stamps are equal, in whatever order they come.

    Bounded: beyond ``depth`` unmatched images the oldest is given up, as the sweeper tags only
    the images it wants; a tag that waits in vain is given up likewise.

    :param depth: unmatched messages of a kind that are kept
    """

    depth: int
    untagged_images: int = 0
    tags_without_image: int = 0
    repeated_stamps: int = 0
    _images: OrderedDict[Stamp, ImageT] = field(default_factory=OrderedDict)
    _tags: OrderedDict[Stamp, tuple[float, Claim | None]] = field(default_factory=OrderedDict)
    _done: OrderedDict[Stamp, None] = field(default_factory=OrderedDict)

    def add_image(self, stamp: Stamp, image: ImageT) -> Pair[ImageT] | None:
        """Take an image; returns the pair if its tag was there."""
        if self._is_repeated(stamp, stamp in self._images):
            return None
        if stamp in self._tags:
            return self._pair(stamp, image, *self._tags.pop(stamp))
        self._images[stamp] = image
        if len(self._images) > self.depth:
            self._images.popitem(last=False)
            self.untagged_images += 1
        return None

    def add_tag(self, stamp: Stamp, position: float, claim: Claim | None = None
                ) -> Pair[ImageT] | None:
        """Take a focus position; returns the pair if its image was there."""
        if self._is_repeated(stamp, stamp in self._tags):
            return None
        if stamp in self._images:
            return self._pair(stamp, self._images.pop(stamp), position, claim)
        self._tags[stamp] = position, claim
        if len(self._tags) > self.depth:
            self._tags.popitem(last=False)
            self.tags_without_image += 1
        return None

    def clear(self) -> None:
        """Give up everything unmatched, and take stamps that were paired before anew."""
        self.untagged_images += len(self._images)
        self.tags_without_image += len(self._tags)
        self._images.clear()
        self._tags.clear()
        self._done.clear()

    def _is_repeated(self, stamp: Stamp, waiting: bool) -> bool:
        if waiting or stamp in self._done:
            self.repeated_stamps += 1
            return True
        return False

    def _pair(self, stamp: Stamp, image: ImageT, position: float, claim: Claim | None
              ) -> Pair[ImageT]:
        self._done[stamp] = None
        if len(self._done) > 2 * self.depth:
            self._done.popitem(last=False)
        return Pair(stamp, image, position, claim=claim)

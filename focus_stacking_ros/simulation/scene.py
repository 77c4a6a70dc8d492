# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A scene of opaque and see-through layers, far to near."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ['Layer', 'Scene']


@dataclass(frozen=True)
class Layer:
    """
    A continuous surface; depth steps lie between layers, not within one.

    Where the surface is bent or tilted its texture and depth go on under nearer layers, as the
    blurred rim of a nearer layer lets one see what is behind it.

    :param texture: (h, w, 3) float32 blue-green-red, linear light: 0 is black, 1 is white, more is
        a highlight
    :param depth_m: (h, w) float32, distance along the optical axis in metres, finite everywhere
    :param alpha: (h, w) float32, 0 to 1: how much of each pixel the surface covers
    :param origin_px: (x, y) of the layer's first pixel in the scene, so that a small part needs
        no full-size images
    :raises ValueError: for images that do not fit together or a depth that is not positive
    """

    texture: NDArray[np.float32]
    depth_m: NDArray[np.float32]
    alpha: NDArray[np.float32]
    origin_px: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        shape = self.depth_m.shape
        if self.texture.shape != (*shape, 3) or self.alpha.shape != shape:
            raise ValueError(f'texture {self.texture.shape}, depth {shape} and alpha '
                             f'{self.alpha.shape} must have the shapes (h, w, 3), (h, w), (h, w)')
        for name in ('texture', 'depth_m', 'alpha'):
            object.__setattr__(self, name, np.ascontiguousarray(getattr(self, name), np.float32))
        if not (np.isfinite(self.depth_m).all() and self.depth_m.min() > 0):
            raise ValueError('the depth of a layer must be finite and positive everywhere')
        if not np.isfinite(self.texture).all() or self.texture.min() < 0:
            raise ValueError('the texture of a layer must be finite and not negative')
        if self.alpha.min() < 0 or self.alpha.max() > 1:
            raise ValueError('the alpha of a layer must be between 0 and 1')

    def translated(self, x: int, y: int) -> Layer:
        """Return the layer moved by whole pixels."""
        return Layer(self.texture, self.depth_m, self.alpha,
                     (self.origin_px[0] + x, self.origin_px[1] + y))


@dataclass(frozen=True)
class Scene:
    """
    What a simulated camera looks at, in pixels of its widest view.

    A pixel of the scene is a ray through the centre of the lens, so that a depth does not move
    a point in the image. The camera sees the scene without its margin; the margin is what blur,
    shake and rotation bring into view. Pixel centres are at integer coordinates.

    :param name: short name for file names and reports
    :param layers: far to near; the first covers the whole scene
    :param margin_px: width of the margin on every side, pixels
    :raises ValueError: without a layer that covers everything, or with one outside
    """

    name: str
    layers: tuple[Layer, ...]
    margin_px: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, 'layers', tuple(self.layers))
        if not self.layers:
            raise ValueError('a scene needs at least one layer')
        if self.layers[0].origin_px != (0, 0) or self.layers[0].alpha.min() < 1:
            raise ValueError('the first layer of a scene must cover all of it')
        if min(self.size) < 1:
            raise ValueError(f'a margin of {self.margin_px} px leaves nothing of the scene')

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the view without the margin, pixels."""
        height, width = self.layers[0].depth_m.shape
        return height - 2 * self.margin_px, width - 2 * self.margin_px

    @property
    def depth_range_m(self) -> tuple[float, float]:
        """Nearest and farthest depth that is visible, metres."""
        depth = self.depth_m()
        return float(depth.min()), float(depth.max())

    def depth_m(self) -> NDArray[np.float32]:
        """Return the depth of the nearest surface that covers a pixel by half, with the margin."""
        depth: NDArray[np.float32] = self.layers[0].depth_m.copy()
        for layer in self.layers[1:]:
            here, there = _overlap(layer, depth.shape)
            covered = layer.alpha[here] >= 0.5
            depth[there][covered] = layer.depth_m[here][covered]
        return depth

    def radiance(self) -> NDArray[np.float32]:
        """Return (H, W, 3) float32 linear light of everything in focus, with the margin."""
        image: NDArray[np.float32] = self.layers[0].texture.copy()
        for layer in self.layers[1:]:
            here, there = _overlap(layer, image.shape[:2])
            alpha = layer.alpha[here][..., None]
            image[there] += alpha * (layer.texture[here] - image[there])
        return image

    @classmethod
    def from_depth_map(cls, name: str, texture: NDArray[Any], depth_m: NDArray[Any],
                       step_m: float, *, margin_px: int = 0, reach_px: int = 32) -> Scene:
        """
        Return a scene of a sharp image and its depth map, such as a measured one.

        Neighbours whose depths differ by less than step_m belong to one surface. What a nearer
        surface hides is filled in with what is next to it.

        :param name: as in Scene
        :param texture: (H, W, 3) linear light
        :param depth_m: (H, W) metres, with clean steps: every fragment becomes a layer
        :param step_m: difference in depth between neighbours that separates surfaces, metres
        :param margin_px: as in Scene
        :param reach_px: how far a surface goes on behind a nearer one; the largest blur radius
        :raises ValueError: for a depth map of more than 1000 surfaces
        """
        texture = np.asarray(texture, np.float32)
        depth = np.asarray(depth_m, np.float32)
        labels = _surfaces(depth, step_m)
        if labels.max() >= 1000:
            raise ValueError(f'the depth map has {labels.max() + 1} surfaces, more than 1000: '
                             f'smooth its noise or raise step_m above {step_m} m')
        medians = [float(np.median(depth[labels == label])) for label in range(labels.max() + 1)]
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach_px + 1,) * 2)
        layers: list[Layer] = []
        for label in np.argsort(medians)[::-1]:
            known = labels == label
            x, y, width, height = cv2.boundingRect(known.astype(np.uint8))
            rows = slice(max(y - reach_px, 0), y + height + reach_px)
            columns = slice(max(x - reach_px, 0), x + width + reach_px)
            if not layers:
                rows, columns = slice(0, depth.shape[0]), slice(0, depth.shape[1])
            known = known[rows, columns]
            surface = _filled(depth[rows, columns], known)
            if layers:
                behind = cv2.dilate(known.astype(np.uint8), disc) > 0
                alpha = known | (behind & (depth[rows, columns] < surface - step_m / 2))
            else:
                alpha = np.ones_like(known)
            layers.append(Layer(_filled(texture[rows, columns], known), surface,
                                alpha.astype(np.float32), (columns.start, rows.start)))
        return cls(name, tuple(layers), margin_px)


def _surfaces(depth_m: NDArray[np.float32], step_m: float) -> NDArray[np.int32]:
    """Return (H, W) numbers from 0 of surfaces without a depth step inside."""
    height, width = depth_m.shape
    # Every pixel, and between neighbours a link if they belong together.
    links = np.zeros((2 * height - 1, 2 * width - 1), np.uint8)
    links[::2, ::2] = 1
    links[::2, 1::2] = np.abs(np.diff(depth_m, axis=1)) < step_m
    links[1::2, ::2] = np.abs(np.diff(depth_m, axis=0)) < step_m
    # The default algorithm for 4 neighbours crashes in OpenCV 4.5.5.
    labels = cv2.connectedComponentsWithAlgorithm(links, 4, cv2.CV_32S, cv2.CCL_WU)[1]
    return labels[::2, ::2] - 1


def _overlap(layer: Layer, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Return the index of what lies inside, in the layer and in the scene."""
    height, width = layer.alpha.shape
    x, y = layer.origin_px
    left, top = max(x, 0), max(y, 0)
    right, bottom = max(min(x + width, shape[1]), left), max(min(y + height, shape[0]), top)
    return (np.s_[top - y:bottom - y, left - x:right - x], np.s_[top:bottom, left:right])


def _filled(values: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return values with each unknown pixel replaced by the nearest known one."""
    if known.all():
        return values
    _, labels = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    positions = np.zeros(labels.max() + 1, np.intp)
    positions[labels[known]] = np.flatnonzero(known)
    flat = values.reshape(known.size, *values.shape[2:])
    return flat[positions[labels]]

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The front pass in C++ (front.cpp): one call for a slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import ctypes
from typing import Any

from focus_stacking_ros.backends.native_library import FrontStructure, NativeLibrary
from focus_stacking_ros.core.focus.front import Front, needs_channel_noise
from focus_stacking_ros.core.focus.light import LightCells, LightGrid
from focus_stacking_ros.core.focus.measure import half_size
from focus_stacking_ros.core.focus.noise import BINS, CLASSES, noise_step
from focus_stacking_ros.core.slices import Image, stored
import numpy as np
from numpy.typing import NDArray

__all__ = ['IN_FRONT', 'MOST_PIXELS', 'is_known', 'native_front', 'native_response',
           'native_rows', 'native_sharpness']

#: Focus measures that the front pass has, by their name in its structure.
IN_FRONT = {'ring_difference': 'ring', 'modified_laplacian': 'cross'}

MOST_PIXELS = 1 << 30  # of all channels: offsets have 32 bits


def is_known(image: Image) -> bool:
    """Return whether the library takes images of this kind."""
    channels = image.shape[2] if image.ndim == 3 else 1
    return channels in {1, 3} and image.size <= MOST_PIXELS


def native_front(library: NativeLibrary, image: Image, operators: Sequence[str],
                 others: Mapping[str, NDArray[np.int16]], *, with_luma: bool) -> Front:
    """
    Return what later steps need of a slice.

    :param library: the native library
    :param image: (H, W) or (H, W, 3), uint8 or uint16
    :param operators: focus measures
    :param others: responses of those that are not `IN_FRONT`
    :param with_luma: whether the luma at full size is wanted
    """
    pixels, stride, reverse = native_rows(image)
    size, half = image.shape[:2], half_size(image.shape)
    channels, grid = image.shape[2] if image.ndim == 3 else 1, LightGrid.of(image.shape)
    luma = np.empty(size, np.int16) if with_luma else None
    half_luma, sharpness = np.empty(half, np.int16), np.empty(size, np.uint8)
    noise = np.zeros((CLASSES, BINS), np.uint32)
    channel_noise = np.zeros((channels, BINS), np.uint32) if needs_channel_noise(
        image, operators) else None
    light = np.zeros((grid.rows, grid.columns, channels, 3), np.uint64)
    found = {name: np.empty(half, np.int16) for name in operators if name in IN_FRONT}
    planes: dict[str, NDArray[np.generic] | None] = {
        'image': pixels, 'luma': luma, 'half': half_luma, 'sharpness': sharpness,
        'noise': noise, 'channel_noise': channel_noise, 'light': light,
        **{IN_FRONT[name]: plane for name, plane in found.items()}}
    structure = FrontStructure(
        **{name: plane.ctypes.data for name, plane in planes.items() if plane is not None},
        rows=size[0], columns=size[1], channels=channels, wide=int(image.dtype != np.uint8),
        reverse=int(reverse), stride=stride, noise_step=noise_step(image.shape),
        light_step=grid.step, cell_rows=grid.height, cell_columns=grid.width, cells_y=grid.rows,
        cells_x=grid.columns)
    library.call('front', ctypes.byref(structure))
    responses = {name: found.get(name, others.get(name)) for name in operators}
    return Front(luma, half_luma, sharpness, noise, channel_noise, LightCells(grid, light),
                 lambda: {name: plane for name, plane in responses.items() if plane is not None})


def native_sharpness(library: NativeLibrary, image: Image) -> NDArray[np.uint8]:
    """
    Return `Front.sharpness` alone.

    :param library: the native library
    :param image: (H, W) or (H, W, 3), uint8 or uint16
    """
    sharpness = np.empty(image.shape[:2], np.uint8)
    _call(library, image, sharpness=sharpness)
    return sharpness


def native_response(library: NativeLibrary, image: Image, operator: str) -> NDArray[np.int16]:
    """
    Return a focus response alone.

    :param library: the native library
    :param image: (H, W) or (H, W, 3), uint8 or uint16
    :param operator: one of `IN_FRONT`
    """
    response = np.empty(half_size(image.shape), np.int16)
    _call(library, image, **{IN_FRONT[operator]: response})
    return response


def _call(library: NativeLibrary, image: Image, **planes: NDArray[Any]) -> None:
    """Fill a plane or several, and nothing else."""
    pixels, stride, reverse = native_rows(image)
    library.call('front', ctypes.byref(FrontStructure(
        image=pixels.ctypes.data, rows=image.shape[0], columns=image.shape[1],
        channels=image.shape[2] if image.ndim == 3 else 1, wide=int(image.dtype != np.uint8),
        reverse=int(reverse), stride=stride,
        **{name: plane.ctypes.data for name, plane in planes.items()})))


def native_rows(image: Image) -> tuple[Image, int, bool]:
    """
    Return an image as the front pass takes it: in the bytes in which it came, where that can be.

    :returns: pixels, values from one row to the next, and whether red comes first
    :raises ValueError: it is neither of uint8 nor of uint16
    """
    if image.dtype not in (np.uint8, np.uint16):
        raise ValueError(f'expected uint8 or uint16, got {image.dtype}')
    pixels, reverse = stored(image)
    row = pixels[0].size
    if not pixels[0].flags.c_contiguous or pixels.strides[0] < row * pixels.itemsize or (
            pixels.strides[0] % pixels.itemsize):
        pixels = np.ascontiguousarray(pixels)
    return pixels, row if len(pixels) == 1 else pixels.strides[0] // pixels.itemsize, reverse

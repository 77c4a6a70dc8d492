# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A page that holds a whole result: pictures, numbers, a surface to turn, focus curves."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
import json
from typing import Any

import cv2
from focus_stacking_ros.commands.html_report.focus_grid import grid_size
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.pictures import (
    confidence_picture,
    depth_picture,
    eight_bit,
    magnification_rises,
    robust_range,
)
from focus_stacking_ros.core.slices import FloatImage, Image, StackResult
import numpy as np
from numpy.typing import NDArray

__all__ = ['PageSlice', 'html_report']

_PICTURE_PX = 1600  # widest picture of a page
_SURFACE_COLUMNS = 240  # of the grid of depth, confidence and slice index
_JPEG_QUALITY = 88
_SURE = 0.1  # confidence from which a place is part of the surface


@dataclass(frozen=True)
class PageSlice:
    """
    What a page holds of a slice.

    :param number: input number
    :param image: reduced copy
    :param label: its caption
    :param response: (rows, columns) uint16 focus response in its own pixel grid, see `focus_grid`
    """

    number: int
    image: Image
    label: str
    response: NDArray[np.uint16]


def html_report(result: StackResult, report: Mapping[str, Any], slices: Sequence[PageSlice],
                title: str) -> str:
    """
    Return the page, a complete HTML document that loads nothing.

    :param result: the stack's result
    :param report: see core.stack.report.stack_report
    :param slices: the accepted slices, near to far
    :param title: what the page is called
    :raises ImageFileError: a picture cannot be encoded
    """
    data = json.dumps(_data(result, report, slices, title), allow_nan=False)
    # Whatever a file name holds, it must not end the element.
    data = data.replace('<', '\\u003c').replace('\u2028', '\\u2028').replace('\u2029', '\\u2029')
    parts = {'STYLE': _part('page.css'), 'DATA': data, 'SURFACE': _part('surface.js'),
             'SCRIPT': _part('page.js')}
    page = _part('page.html')
    for name, content in parts.items():
        before, _, after = page.partition(f'/*{name}*/')
        page = before + content + after
    return page


def _part(name: str) -> str:
    place = resources.files('focus_stacking_ros.commands.html_report')
    return (place / name).read_text(encoding='utf-8')


def _data(result: StackResult, report: Mapping[str, Any], slices: Sequence[PageSlice],
          title: str) -> dict[str, Any]:
    """Return what the page shows, JSON-ready."""
    height, width = result.confidence.shape
    bits = result.significant_bits
    metric = bool(np.isfinite(result.depth_m).any())
    shown = result.depth_m * np.float32(1e3) if metric else result.slice_index
    low, high = robust_range(shown)
    told = metric or magnification_rises(result)
    if not metric and told:
        low, high = high, low  # the last slices are the nearest
    return {
        'title': title, 'width': width, 'height': height, 'report': report,
        'allInFocus': _jpeg(_within(eight_bit(result.all_in_focus, bits))),
        'depth': {'picture': _png(_within(depth_picture(shown, low, high))), 'near': low,
                  'far': high, 'unit': 'mm' if metric else 'slice', 'isTold': told,
                  'ramp': _png(depth_picture(np.linspace(0, 1, 256, dtype=np.float32)[None], 0.0,
                                             1.0))},
        'confidence': _png(_within(confidence_picture(result.confidence))),
        'surface': _surface(result, shown),
        'slices': [_slice(each, bits) for each in slices]}


def _slice(each: PageSlice, bits: int) -> dict[str, Any]:
    rows, columns = each.response.shape
    return {'number': each.number, 'label': each.label,
            'picture': _jpeg(eight_bit(each.image, bits)), 'rows': rows, 'columns': columns,
            'response': _bytes(each.response.astype('<u2'))}


def _surface(result: StackResult, shown: FloatImage) -> dict[str, Any]:
    """Return depth, its deviation, confidence and slice index at the places of a grid."""
    columns, rows = grid_size(shown.shape, _SURFACE_COLUMNS)

    def sampled(plane: FloatImage) -> FloatImage:
        # Places, not means: a mean over an edge is a surface that nobody has seen.
        y = np.minimum(((np.arange(rows) + 0.5) * plane.shape[0] / rows).astype(int),
                       plane.shape[0] - 1)
        x = np.minimum(((np.arange(columns) + 0.5) * plane.shape[1] / columns).astype(int),
                       plane.shape[1] - 1)
        return plane[y[:, None], x]

    confidence = sampled(result.confidence)
    deviation = result.depth_std_m
    planes: dict[str, NDArray[Any]] = {
        'depth': np.where(confidence >= _SURE, sampled(shown), np.nan).astype('<f4'),
        'index': sampled(result.slice_index).astype('<f4'),
        'confidence': np.clip(np.rint(confidence * 255), 0, 255).astype(np.uint8)}
    if deviation is not None:
        planes['deviation'] = (sampled(deviation) * 1e3).astype('<f4')
    return {'rows': rows, 'columns': columns,
            **{name: _bytes(plane) for name, plane in planes.items()}}


def _within(picture: Image) -> Image:
    """Reduce a picture that is wider than a page's may be."""
    if picture.shape[1] <= _PICTURE_PX:
        return picture
    height = max(round(picture.shape[0] * _PICTURE_PX / picture.shape[1]), 1)
    return cv2.resize(picture, (_PICTURE_PX, height), interpolation=cv2.INTER_AREA)


def _jpeg(picture: Image) -> str:
    return _encoded('.jpg', 'jpeg', picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])


def _png(picture: Image) -> str:
    return _encoded('.png', 'png', picture, [])


def _encoded(suffix: str, kind: str, picture: Image, flags: list[int]) -> str:
    done, data = cv2.imencode(suffix, picture, flags)
    if not done:
        raise ImageFileError(f'a picture of {picture.shape} cannot be encoded as {kind}')
    return f'data:image/{kind};base64,{base64.b64encode(data.tobytes()).decode()}'


def _bytes(plane: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(plane).tobytes()).decode()

#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Focus stacking as simple scripts do it, as a baseline.

    python3 test/benchmark/homography_laplacian.py --output DIR IMAGE...

SIFT features matched to the first image, a homography by RANSAC, a Gaussian blur of 5 pixels, a
Laplacian of 5 pixels, and for each pixel the slice with the greatest absolute response.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ['aligned', 'fused']


def aligned(images: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """Return images warped to the first one; one without enough matches stays as it is."""
    detector = cv2.SIFT_create()
    found = [detector.detectAndCompute(_grey(image), None) for image in images]
    result = [images[0]]
    for image, (points, descriptions) in zip(images[1:], found[1:], strict=True):
        homography = None
        if descriptions is not None and found[0][1] is not None and len(points) > 1:
            pairs = cv2.BFMatcher().knnMatch(descriptions, found[0][1], k=2)
            good = [pair[0] for pair in pairs
                    if len(pair) == 2 and pair[0].distance < 0.7 * pair[1].distance]
            if len(good) >= 4:
                here = np.array([points[match.queryIdx].pt for match in good], np.float32)
                first = np.array([found[0][0][match.trainIdx].pt for match in good], np.float32)
                homography, _ = cv2.findHomography(here, first, cv2.RANSAC, 2.0)
        result.append(image if homography is None else cv2.warpPerspective(
            image, homography, image.shape[1::-1], flags=cv2.INTER_LINEAR))
    return result


def fused(images: list[NDArray[Any]]) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Return the all-in-focus image and the (H, W) number of the slice of each pixel."""
    scale = 255.0 / np.iinfo(images[0].dtype).max
    responses = []
    for image in images:
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32) * scale
        responses.append(np.abs(cv2.Laplacian(
            cv2.GaussianBlur(grey, (5, 5), 0), cv2.CV_32F, ksize=5)))
    best = np.argmax(responses, axis=0)
    return (np.take_along_axis(np.stack(images), best[None, ..., None], 0)[0],
            best.astype(np.float32))


def _grey(image: NDArray[Any]) -> NDArray[np.uint8]:
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return grey if grey.dtype == np.uint8 else (grey >> 8).astype(np.uint8)


def main() -> None:
    """Write all_in_focus.png and maps.npz with the index."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('images', nargs='+', type=Path)
    parser.add_argument('--output', type=Path, required=True)
    parsed = parser.parse_args()
    images = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in parsed.images]
    image, index = fused(aligned(images))
    parsed.output.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(parsed.output / 'all_in_focus.png'), image)
    np.savez(parsed.output / 'maps.npz', index=index)


if __name__ == '__main__':
    main()

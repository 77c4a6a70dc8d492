# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Search for the focus range of simulated scenes, and print a table: found against true.

    PYTHONPATH=. python3 test/benchmark/compare_ranges.py [--height 240] [SCENE ...]

The lens travels from 0.2 to 0.35 m; the search knows that, and what it sees.
"""

from __future__ import annotations

import argparse

import cv2
from focus_stacking_ros.core.focus.tile_sharpness import noise_scatter, tile_sharpness
from focus_stacking_ros.core.optics.range_search import FocusRange, RangeSearch
from focus_stacking_ros.simulation.built_in import BUILT_IN_LENS
from focus_stacking_ros.simulation.live_camera import LiveCamera, SCENES
from focus_stacking_ros.simulation.scene import Scene
import numpy as np

__all__ = ['search_range', 'shown_range', 'true_range']

TRAVEL_M = (0.2, 0.35)
COUNT = 31  # positions of a coarse sweep: the default of the sweeper
_DEPTH_OF_FIELD = 0.0154  # dioptres, of the built-in lens
_DEVIATIONS = 4.0  # of noise, above which an edge counts


def true_range(scene: Scene) -> tuple[float, float]:
    """Return the least and the greatest dioptre of what is in view."""
    margin = scene.margin_px
    depth = scene.depth_m()
    inner = depth[margin:-margin, margin:-margin] if margin else depth
    return 1 / float(inner.max()), 1 / float(inner.min())


def shown_range(scene: Scene) -> tuple[float, float]:
    """
    Return the least and the greatest dioptre of what shows any edge or texture.

    It is where the Laplacian of the sharp image is above what noise makes of it; the edge of a
    nearer part before a farther one belongs to the nearer.
    """
    camera = LiveCamera(scene, BUILT_IN_LENS, *TRAVEL_M)
    metres = float(np.median(scene.depth_m()))
    first, second = (camera.expose(metres, metres, number).astype(np.float32).mean(2)
                     for number in (0, 1))
    noise = float((first - second).std()) / np.sqrt(2)
    sharp, depth = camera.truth(metres)
    laplacian = cv2.Laplacian(sharp.astype(np.float32).mean(2), cv2.CV_32F)
    shows = np.abs(laplacian) > _DEVIATIONS * np.sqrt(20) * noise  # of its weights
    around = np.ones((5, 5), np.uint8)
    own = np.float32(1) / depth
    nearest, farthest = cv2.dilate(own, around), cv2.erode(own, around)
    found = np.where(nearest - farthest > _DEPTH_OF_FIELD, nearest, own)[shows]
    return float(found.min()), float(found.max())


def search_range(scene: Scene, travel_m: tuple[float, float] = TRAVEL_M, count: int = COUNT
                 ) -> tuple[FocusRange, int]:
    """Return the range that is found, and the number of exposures it took."""
    camera = LiveCamera(scene, BUILT_IN_LENS, *travel_m)
    search = RangeSearch(1 / travel_m[1], 1 / travel_m[0], count, noise_scatter())
    while wanted := search.wanted():
        for dioptres in wanted:
            image = camera.expose(1 / dioptres, 1 / dioptres, len(search))
            search.add(dioptres, tile_sharpness(image))
    return search.result(), len(search)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--height', type=int, default=240)
    parser.add_argument('scenes', nargs='*', default=list(SCENES), help='names; all by default')
    given = parser.parse_args()
    print('| Scene | True, dioptres | Of what shows | Found | Length, found / shown | Contains it '
          '| Slices | Exposures |\n| --- | --- | --- | --- | --- | --- | --- | --- |')
    for name in given.scenes:
        scene = SCENES[name](0, (given.height, given.height * 4 // 3))
        whole, (low, high) = true_range(scene), shown_range(scene)
        found, exposures = search_range(scene)
        inside = found.low <= low and high <= found.high
        print(f'| {name} | {whole[0]:.3f} to {whole[1]:.3f} | {low:.3f} to {high:.3f} | '
              f'{found.low:.3f} to {found.high:.3f} | '
              f'{(found.high - found.low) / (high - low):.2f} | {"yes" if inside else "no"} | '
              f'{found.count} | {exposures} |', flush=True)


if __name__ == '__main__':
    main()

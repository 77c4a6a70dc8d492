# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Simulated scenes that each hold one difficulty of depth from focus.

All show 24.6 mm of width at a distance of 0.25 m, so that the lens and the sweep of the built-in
stack fit all of them.
"""

from __future__ import annotations

import cv2
from focus_stacking_ros.simulation.painting import FINENESS, noise, Painting
from focus_stacking_ros.simulation.scene import Layer, Scene
from focus_stacking_ros.simulation.staging import (
    far_to_near,
    inspection_view,
    light_relief,
    part_layer,
    surface_grain,
    WIDTH_MM,
)
import numpy as np
from numpy.typing import NDArray

__all__ = ['crossing_wires', 'dome', 'solder_joints', 'textureless_parts', 'tilted_plane']

Array = NDArray[np.float32]


def tilted_plane(seed: int = 0, size: tuple[int, int] = (768, 1024), distance_m: float = 0.25,
                 rise_m: float = 0.006, direction_rad: float = 0.4) -> Scene:
    """
    Return a printed plane that rises towards the camera.

    :param seed: of its grain
    :param size: (height, width) of the view, pixels
    :param distance_m: of its middle, metres
    :param rise_m: difference of depth over the width of the view, metres
    :param direction_rad: in which it goes away from the camera; 0 is to the right, pi / 2 down
    """
    p, x, y, margin, rng = inspection_view(seed, size, 31)
    grain = surface_grain(p, rng, [(1, 0.16), (2, 0.14), (5, 0.12), (16, 0.10), (60, 0.10)])
    p.paint(np.ones(p.shape, np.float32), (150, 172, 186), grain)
    ink = np.zeros(p.shape, np.float32)
    left, top = margin / p.scale * FINENESS, margin / p.scale * FINENESS
    for row in range(12):
        words = f'{row:02d}  DEPTH FROM FOCUS  0.{row}  THIN LENS'
        np.maximum(ink, p.text(left + 0.6, top + 1.3 + 1.5 * row, words, 0.6), out=ink)
    p.paint(ink * 0.9, (60, 44, 40), grain)
    along = np.cos(direction_rad) * x + np.sin(direction_rad) * y
    p.relief_m -= along / WIDTH_MM * rise_m
    return Scene('tilted_plane', (Layer(*p.finished(distance_m)),), margin)


def dome(seed: int = 0, size: tuple[int, int] = (768, 1024), distance_m: float = 0.25,
         height_m: float = 0.006) -> Scene:
    """
    Return a turned metal dome that rises from a plate of rough metal without a step.

    :param seed: of its grain
    :param size: (height, width) of the view, pixels
    :param distance_m: of the plate, metres
    :param height_m: of the dome, metres
    """
    p, x, y, margin, rng = inspection_view(seed, size, 32)
    radius = 8.0
    rise = 1000 * height_m  # millimetres, of a cap of a sphere
    sphere = (radius ** 2 + rise ** 2) / (2 * rise)
    reach = np.hypot(x, y)
    height = np.maximum(np.sqrt(np.maximum(sphere ** 2 - reach ** 2, 0)) - (sphere - rise), 0)
    rough = surface_grain(p, rng, [(1, 0.11), (2, 0.10), (6, 0.07)])
    grooves = noise(rng, (4096, 1), [(2, 0.06), (5, 0.08)])[:, 0]
    turned = np.interp(reach * p.scale / 2, np.arange(4096), grooves).astype(np.float32)
    streaks = noise(rng, (p.shape[0], 1), [(1, 0.08), (3, 0.10)])
    on_dome = reach < radius
    p.paint(np.ones(p.shape, np.float32), (150, 154, 156),
            rough + np.where(on_dome, turned, streaks))
    p.relief_m += height / 1000
    light_relief(p, height, 24.0, 0.35)
    return Scene('dome', (Layer(*p.finished(distance_m)),), margin)


def solder_joints(seed: int = 0, size: tuple[int, int] = (768, 1024),
                  distance_m: float = 0.25) -> Scene:
    """
    Return solder joints around cut wires, with highlights up to six times as bright as white.

    The fillets rise from the board without a step; the wires end above them.

    :param seed: of grain and of each joint's shape
    :param size: (height, width) of the view, pixels
    :param distance_m: of the board, metres
    """
    p, x, y, margin, rng = inspection_view(seed, size, 33)
    grain = surface_grain(p, rng, [(1, 0.10), (2, 0.08), (8, 0.05), (50, 0.05)])
    p.paint(np.ones(p.shape, np.float32), (40, 84, 20), grain)
    height = np.zeros(p.shape, np.float32)
    centres = [(6.1 * column - 9.15, 6.1 * row - 6.1) for row in range(3) for column in range(4)]
    pads, fillets = np.zeros(p.shape, np.float32), np.zeros(p.shape, np.float32)
    for cx, cy in centres:
        reach = np.hypot((x - cx) * rng.uniform(0.92, 1.08), y - cy)
        pads = np.maximum(pads, np.clip((2.25 - reach) * p.scale, 0, 1))
        foot = rng.uniform(1.75, 2.05)
        fillets = np.maximum(fillets, np.clip((foot - reach) * p.scale, 0, 1))
        slope = np.clip(1 - reach / foot, 0, 1)
        height = np.maximum(height, rng.uniform(1.8, 2.6) * slope ** 1.3)
    height = cv2.GaussianBlur(height, (0, 0), 0.12 * p.scale)
    p.paint(pads, (88, 178, 214), surface_grain(p, rng, [(1, 0.10), (4, 0.10)]))
    tin = surface_grain(p, rng, [(1, 0.06), (3, 0.07), (12, 0.10)])
    p.paint(fillets, (150, 154, 156), tin)
    p.relief_m += height / 1000
    waves = noise(rng, p.shape, [(10, 0.010), (30, 0.02)])
    light_relief(p, height + waves * fillets, 60.0, 6.0, fillets)
    layers = [Layer(*p.finished(distance_m))]
    origin = (p.shape[1] / 2 / p.scale, p.shape[0] / 2 / p.scale)
    for cx, cy in centres:
        top = rng.uniform(3.2, 5.2)

        def wire(part: Painting) -> None:
            mask = part.disc(0.6, 0.6, 0.52)
            part.paint(mask, (92, 128, 196), noise(rng, part.shape, [(2, 0.14), (5, 0.14)]))
            part.bevel(mask, 0.2, 0.0002, 0.9)
            part.add_light(part.disc(0.42, 0.42, 0.07), 3.0)
        layers.append(part_layer(p, (origin[0] + cx - 0.6, origin[1] + cy - 0.6), (1.2, 1.2),
                                 distance_m - top / 1000, wire))
    return Scene('solder_joints', far_to_near(layers), margin)


def textureless_parts(seed: int = 0, size: tuple[int, int] = (768, 1024),
                      distance_m: float = 0.25) -> Scene:
    """
    Return plain cards at different heights, of which most of the inside has no depth signal.

    Some are plain, some shaded smoothly, some have faint grain, one has strong grain; what
    counts is that confidence says so.

    :param seed: of the grain
    :param size: (height, width) of the view, pixels
    :param distance_m: of the ground, metres
    """
    p, x, y, margin, rng = inspection_view(seed, size, 34)
    shade = 0.2 * x / WIDTH_MM + 0.15 * y / WIDTH_MM
    p.paint(np.ones(p.shape, np.float32), (148, 146, 144), shade.astype(np.float32))
    layers = [Layer(*p.finished(distance_m))]
    origin = (p.shape[1] / 2 / p.scale, p.shape[0] / 2 / p.scale)
    cards = [(-11.0, -8.0, (188, 150, 90), 0.0, 0.0), (-2.9, -8.0, (90, 190, 200), 0.0, 0.5),
             (5.2, -8.0, (110, 110, 220), 0.015, 0.0), (-11.0, 0.8, (214, 214, 210), 0.04, 0.3),
             (-2.9, 0.8, (60, 60, 60), 0.0, 0.0), (5.2, 0.8, (120, 160, 110), 0.25, 0.2)]
    heights = rng.permutation(np.linspace(1.0, 6.5, len(cards)))
    for (cx, cy, colour, contrast, gradient), rise in zip(cards, heights, strict=True):
        def card(part: Painting, colour: tuple[int, int, int] = colour,
                 contrast: float = contrast, gradient: float = gradient) -> None:
            mask = part.rectangle(0.05, 0.05, 6.2, 7.0, 0.5)
            grain = noise(rng, part.shape, [(2, contrast), (5, contrast)])
            ramp = np.linspace(-gradient, gradient, part.shape[1], dtype=np.float32)
            part.paint(mask, colour, grain + ramp)
        layers.append(part_layer(p, (origin[0] + cx, origin[1] + cy), (6.3, 7.1),
                                 distance_m - rise / 1000, card))
    return Scene('textureless_parts', far_to_near(layers), margin)


def crossing_wires(seed: int = 0, size: tuple[int, int] = (768, 1024), distance_m: float = 0.25,
                   count: int = 7) -> Scene:
    """
    Return insulated wires that cross one another at different heights over a textured ground.

    :param seed: of their courses and of all grain
    :param size: (height, width) of the view, pixels
    :param distance_m: of the ground, metres
    :param count: number of wires
    """
    p, _, _, margin, rng = inspection_view(seed, size, 35)
    grain = surface_grain(p, rng, [(1, 0.14), (2, 0.12), (7, 0.10), (40, 0.08)])
    p.paint(np.ones(p.shape, np.float32), (96, 108, 120), grain)
    layers = [Layer(*p.finished(distance_m))]
    colours = [(52, 60, 200), (200, 120, 40), (60, 170, 70), (60, 190, 225), (200, 200, 200),
               (60, 60, 62), (150, 70, 150), (50, 120, 220)]
    for number in range(count):
        height = 0.9 + 5.6 * number / max(count - 1, 1)
        layers.append(_wire(p, rng, colours[number % len(colours)], height, distance_m))
    return Scene('crossing_wires', tuple(layers), margin)


def _wire(p: Painting, rng: np.random.Generator, colour: tuple[int, int, int], height: float,
          distance_m: float) -> Layer:
    """Return a round wire from one side of the scene to the opposite one; height in mm."""
    painting = Painting(p.size, p.scale / FINENESS)
    full_mm = (p.shape[1] / p.scale, p.shape[0] / p.scale)
    angle = rng.uniform(0, np.pi)
    way = np.array([np.cos(angle), np.sin(angle)])
    middle = np.array(full_mm) * rng.uniform(0.3, 0.7, 2)
    along = np.linspace(-1.0, 1.0, 3000) * sum(full_mm)
    bend = rng.uniform(-1.2, 1.2) * np.sin(along / rng.uniform(3.5, 6.0) + rng.uniform(0, 6))
    course = middle + along[:, None] * way + bend[:, None] * np.array([-way[1], way[0]])
    points = np.rint(course * painting.scale * 8).astype(np.int32)
    line = np.full(painting.shape, 255, np.uint8)
    cv2.polylines(line, [points], False, 0, 1, cv2.LINE_8, 3)
    away = cv2.distanceTransform(line, cv2.DIST_L2, 5) / painting.scale
    radius = rng.uniform(0.45, 0.75)
    mask = np.clip((radius - away) * painting.scale + 0.5, 0, 1).astype(np.float32)
    round_off = np.sqrt(np.maximum(radius ** 2 - away ** 2, 0)).astype(np.float32)
    print_marks = noise(rng, painting.shape, [(2, 0.12), (4, 0.14), (12, 0.10)])
    painting.paint(mask, colour, print_marks)
    smooth = cv2.GaussianBlur(round_off, (0, 0), 2.0)
    light_relief(painting, smooth, 30.0, 0.5)
    painting.relief_m += (round_off + height - radius) / 1000
    return _cropped(Layer(*painting.finished(distance_m)))


def _cropped(layer: Layer) -> Layer:
    """Return a layer without its empty rim."""
    x, y, width, height = cv2.boundingRect((layer.alpha > 0).astype(np.uint8))
    rows, columns = slice(y, y + height), slice(x, x + width)
    return Layer(layer.texture[rows, columns], layer.depth_m[rows, columns],
                 layer.alpha[rows, columns], (layer.origin_px[0] + x, layer.origin_px[1] + y))

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A populated circuit board as a simulated scene."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
from focus_stacking_ros.simulation import circuit_board_layout as layout
from focus_stacking_ros.simulation.painting import FINENESS, noise, Painting
from focus_stacking_ros.simulation.scene import Layer, Scene
import numpy as np
from numpy.typing import NDArray

__all__ = ['circuit_board']

# Screen colours, blue, green, red.
SOLDER_MASK = (46, 98, 22)
TRACE = (58, 122, 36)
GOLD = (88, 178, 214)
SILK = (226, 232, 230)
SILVER = (186, 190, 192)
SOLDER = (158, 162, 164)
EPOXY = (44, 42, 40)
HOLE = (20, 22, 20)

WIDTH_MM = 24.6  # of the view; the layout below is for 24.6 x 18.4 mm
MARGIN = 0.035  # of the view's width


def circuit_board(seed: int = 0, size: tuple[int, int] = (768, 1024),
                  distance_m: float = 0.25, tilt_m: float = 0.0006) -> Scene:
    """
    Return a circuit board with parts from 0.5 to 7 mm high.

    :param seed: of the grain of every surface, the traces and the values of small parts
    :param size: (height, width) of the view, pixels; it shows 24.6 mm of the board's width
    :param distance_m: of the middle of the board, metres
    :param tilt_m: by how much the right edge is farther than the left one, metres
    """
    rng = np.random.default_rng([seed, 21])
    margin = round(MARGIN * size[1]) + 8
    px_per_mm = size[1] / WIDTH_MM
    full = (size[0] + 2 * margin, size[1] + 2 * margin)
    table = _Table(px_per_mm, margin, full, distance_m, tilt_m, rng, [])
    board = _board(table)
    for x, y, value in layout.RESISTORS:
        _chip_resistor(table, x, y, value)
    for x, y, upright in layout.CAPACITORS:
        _chip_capacitor(table, x, y, upright)
    _small_outline(table, 1.7, 7.0, 'OPA2192', 4)
    _quad_flat(table, 8.2, 3.0)
    _header(table, 1.4, 15.2, 7)
    _button(table, 17.6, 10.6)
    _electrolytic(table, 21.1, 4.6)
    _crystal(table, 9.2, 12.9)
    parts = sorted(table.parts, key=lambda part: -float(np.median(part.depth_m)))
    shaded = _shaded([board, *parts], px_per_mm)
    return Scene('circuit_board', tuple(shaded), margin)


@dataclass
class _Table:
    """The board while parts are put on it; coordinates are mm from the view's upper left."""

    px_per_mm: float
    margin: int
    full: tuple[int, int]
    distance_m: float
    tilt_m: float
    rng: np.random.Generator
    parts: list[Layer]

    def grain(self, painting: Painting, octaves: Any) -> NDArray[np.float32]:
        """Return noise for a painting; sizes in finished pixels."""
        return noise(self.rng, painting.shape, [(a * FINENESS, b) for a, b in octaves])

    def surface_m(self, x: float) -> float:
        """Return the depth of the board at a place."""
        return self.distance_m + self.tilt_m * (x / WIDTH_MM - 0.5)

    def place(self, corner: tuple[float, float], size: tuple[float, float], height_m: float,
              draw: Callable[[Painting], None]) -> None:
        """
        Put a part on the board.

        :param corner: x and y of its upper left corner, mm
        :param size: width and height, mm
        :param height_m: of the painting's relief 0 above the board
        :param draw: paints the part, in mm from its own upper left corner
        """
        x, y = (round(value * self.px_per_mm) + self.margin for value in corner)
        width, height = (round(value * self.px_per_mm) + 2 for value in size)
        painting = Painting((height, width), self.px_per_mm)
        draw(painting)
        top = self.surface_m(corner[0] + size[0] / 2) - height_m
        self.parts.append(Layer(*painting.finished(top), (x, y)))


def _board(table: _Table) -> Layer:
    """Return the bare board: solder mask, traces, pads, vias, silkscreen."""
    p = Painting(table.full, table.px_per_mm)
    m = table.margin / table.px_per_mm
    everything = np.ones(p.shape, np.float32)
    weave = table.grain(p, [(1, 0.10), (2.2, 0.07), (9, 0.05), (60, 0.05)])
    yy, xx = np.mgrid[:p.shape[0], :p.shape[1]].astype(np.float32) / p.scale
    weave += 0.035 * (np.sin(xx * 26) + np.sin(yy * 26))
    p.paint(everything, SOLDER_MASK, weave)
    copper = np.zeros(p.shape, np.float32)
    for points, width in layout.traces():
        copper = np.maximum(copper, p.line([(x + m, y + m) for x, y in points], width))
    pour = p.rectangle(m + 16.9, m + 9.6, 9.5, 11.0) + p.rectangle(0, m + 14.0, m + 12.0, 8.0)
    copper = np.maximum(copper, np.minimum(pour, 1))
    p.paint(copper, TRACE, weave)
    p.bevel(copper, 0.08, 0, 0.35)
    gold_grain = table.grain(p, [(1, 0.10), (3, 0.08), (14, 0.08)])
    pads, holes = np.zeros(p.shape, np.float32), np.zeros(p.shape, np.float32)
    for x, y, w, h in layout.pads():
        np.maximum(pads, p.rectangle(x + m, y + m, w, h, 0.08), out=pads)
    for x, y in layout.vias():
        np.maximum(pads, p.disc(x + m, y + m, 0.34), out=pads)
        np.maximum(holes, p.disc(x + m, y + m, 0.16), out=holes)
    _pad(p, pads, gold_grain)
    p.paint(holes, HOLE)
    for x, y in ((23.1, 17.45), (0.2, 0.2)):
        _pad(p, p.disc(x + m, y + m, 1.25), gold_grain)
        p.paint(p.disc(x + m, y + m, 0.8), (14, 15, 14), weave * 2)
    silk_grain = table.grain(p, [(1, 0.07), (4, 0.06)])
    ink = np.zeros(p.shape, np.float32)
    for x, y, words, height in layout.TEXTS:
        ink = np.maximum(ink, p.text(x + m, y + m, words, height))
    for points in layout.outlines():
        ink = np.maximum(ink, p.line([(x + m, y + m) for x, y in points], 0.13))
    ink = np.maximum(ink, p.disc(m + 21.1, m + 4.6, 3.75) - p.disc(m + 21.1, m + 4.6, 3.6))
    # Ink is thin in places, as real silkscreen is.
    p.paint(np.clip(ink * (1 + np.minimum(table.grain(p, [(3, 0.25)]), 0)), 0, 1), SILK,
            silk_grain)
    texture, depth, alpha = p.finished(table.distance_m)
    slope = (np.arange(table.full[1], dtype=np.float32) - table.margin) / table.px_per_mm
    depth = depth + table.tilt_m * (slope / WIDTH_MM - 0.5)
    return Layer(texture, depth.astype(np.float32), np.ones_like(alpha))


def _pad(p: Painting, mask: NDArray[np.float32], grain: NDArray[np.float32]) -> None:
    p.paint(mask, GOLD, grain)
    p.bevel(mask, 0.1, 0, 0.5)


def _chip_resistor(table: _Table, x: float, y: float, value: str) -> None:
    """Put a 0805 resistor with its value on the board."""
    def draw(p: Painting) -> None:
        grain = table.grain(p, [(1, 0.10), (3, 0.10)])
        body = p.rectangle(0.05, 0.05, 1.75, 0.95, 0.04)
        p.paint(body, (196, 200, 202), grain)
        p.paint(p.rectangle(0.36, 0.05, 1.12, 0.95), (36, 34, 32), grain * 2)
        p.paint(p.text(0.47, 0.7, value, 0.36), (206, 206, 200), grain)
        p.bevel(body, 0.08, 0.0001, 0.7)
    table.place((x, y), (1.85, 1.05), 0.00045, draw)


def _chip_capacitor(table: _Table, x: float, y: float, upright: bool) -> None:
    """Put a 0805 ceramic capacitor on the board."""
    def draw(p: Painting) -> None:
        grain = table.grain(p, [(1, 0.09), (4, 0.09)])
        w, h = (0.95, 1.6) if upright else (1.6, 0.95)
        body = p.rectangle(0.03, 0.03, w, h, 0.07)
        p.paint(body, (88, 132, 166), grain)
        for near in (True, False):
            a = 0.03 if near else (h if upright else w) - 0.32
            cap = (p.rectangle(0.03, a, w, 0.36, 0.07) if upright
                   else p.rectangle(a, 0.03, 0.36, h, 0.07))
            p.paint(cap, (192, 196, 198), grain * 1.3)
        p.bevel(body, 0.16, 0.00015, 0.8)
    table.place((x, y), (1.05 if upright else 1.68, 1.68 if upright else 1.05), 0.0008, draw)


def _lead(p: Painting, mask: NDArray[np.float32], grain: NDArray[np.float32],
          shine: NDArray[np.float32]) -> None:
    """Paint a silver lead; shine is where its bend mirrors the lamp."""
    p.paint(mask, SILVER, grain)
    p.bevel(mask, 0.07, 0, 0.7)
    p.add_light(mask * shine, 0.55)


def _small_outline(table: _Table, x: float, y: float, marking: str, leads: int) -> None:
    """Put a chip with two rows of leads on the board; each row slopes down to its pads."""
    for side in (0, 1):
        def row(p: Painting, side: int = side) -> None:
            grain = table.grain(p, [(1, 0.08), (3, 0.08)])
            across = np.arange(p.shape[1], dtype=np.float32)[None] / p.scale
            outward = across if side else 0.9 - across  # 0 at the body
            shine = np.exp(-((outward - 0.3) / 0.08) ** 2) * np.ones((p.shape[0], 1), np.float32)
            for k in range(leads):
                _lead(p, p.rectangle(0, 0.35 + 0.95 * k, 0.9, 0.4, 0.05), grain, shine)
            p.relief_m += 0.0007 * np.clip((0.7 - outward) / 0.45, 0, 1)
        table.place((x + (3.6 if side else -0.7), y), (0.9, 3.9), 0.0002, row)

    def body(p: Painting) -> None:
        mask = p.rectangle(0.02, 0.02, 3.75, 3.85, 0.06)
        grain = table.grain(p, [(1, 0.28), (2, 0.18), (7, 0.08)])
        p.paint(mask, EPOXY, grain)
        p.bevel(mask, 0.3, 0.0004, 0.9, round_off=False)
        dot = p.disc(0.75, 0.75, 0.26)
        p.light_up(dot, -0.45)
        print_grain = table.grain(p, [(1, 0.12)])
        p.paint(p.text(0.45, 1.95, marking, 0.44), (204, 206, 204), print_grain)
        p.paint(p.text(0.45, 2.8, '2417 B', 0.44), (204, 206, 204), print_grain)
    table.place((x, y), (3.8, 3.9), 0.0012, body)


def _quad_flat(table: _Table, x: float, y: float) -> None:
    """Put a processor with leads on four sides on the board."""
    def leads(p: Painting) -> None:
        grain = table.grain(p, [(1, 0.08), (3, 0.08)])
        shine = np.zeros(p.shape, np.float32)
        yy, xx = np.mgrid[:p.shape[0], :p.shape[1]].astype(np.float32) / p.scale
        outward = np.maximum(np.abs(xx - 3.7), np.abs(yy - 3.7)) - 3.0
        shine = np.exp(-((outward - 0.22) / 0.06) ** 2)
        for k in range(8):
            a = 1.1 + 0.65 * k
            for b in (0.05, 6.4):
                _lead(p, p.rectangle(b, a + 0.2, 0.9, 0.28), grain, shine)
                _lead(p, p.rectangle(a + 0.2, b, 0.28, 0.9), grain, shine)
        p.relief_m += 0.0006 * np.clip((0.55 - outward) / 0.4, 0, 1)
    table.place((x - 0.7, y - 0.7), (7.4, 7.4), 0.00015, leads)

    def body(p: Painting) -> None:
        mask = p.rectangle(0.02, 0.02, 5.95, 5.95, 0.12)
        grain = table.grain(p, [(1, 0.28), (2, 0.18), (8, 0.08)])
        p.paint(mask, (48, 45, 42), grain)
        p.bevel(mask, 0.28, 0.0003, 0.9, round_off=False)
        ink = table.grain(p, [(1, 0.12)])
        for row, (words, height) in enumerate([('STACKER', 0.68), ('XC-8472', 0.62),
                                               ('24A17 KR', 0.56), ('A2 0417', 0.56)]):
            p.paint(p.text(0.85, 1.95 + 1.02 * row, words, height), (188, 190, 188), ink)
        for dot, depth in ((p.disc(0.85, 5.1, 0.28), -0.5), (p.disc(5.05, 0.95, 0.4), -0.35)):
            p.light_up(dot, depth)
            p.bevel(dot, 0.08, 0, -0.5)
    table.place((x, y), (6.0, 6.0), 0.0011, body)


def _header(table: _Table, x: float, y: float, pins: int) -> None:
    """Put a row of gold pins in a black strip on the board."""
    pitch = 1.4

    def strip(p: Painting) -> None:
        grain = table.grain(p, [(1, 0.2), (3, 0.12)])
        for k in range(pins):
            mask = p.rectangle(0.02 + pitch * k, 0.02, pitch - 0.04, 2.0, 0.3)
            p.paint(mask, (40, 38, 37), grain)
        p.bevel(np.ascontiguousarray(p.alpha), 0.18, 0.0002, 0.9)
    table.place((x, y), (pitch * pins, 2.05), 0.0022, strip)
    for k in range(pins):
        def pin(p: Painting) -> None:
            mask = p.rectangle(0.02, 0.02, 0.56, 0.56, 0.1)
            p.paint(mask, (92, 190, 224), table.grain(p, [(1, 0.12), (3, 0.1)]))
            p.bevel(mask, 0.2, 0.0004, 0.9, round_off=False)
        table.place((x + pitch * k + 0.4, y + 0.72), (0.6, 0.6), 0.0051, pin)


def _button(table: _Table, x: float, y: float) -> None:
    """Put a push button on the board: steel frame, black case, plunger."""
    def case(p: Painting) -> None:
        mask = p.rectangle(0.02, 0.02, 5.9, 5.5, 0.3)
        steel = table.grain(p, [(1, 0.07), (3, 0.05)])
        streaks = noise(table.rng, (p.shape[0], 1), [(1, 0.09), (4, 0.09)])
        p.paint(mask, (170, 174, 176), steel + streaks)
        p.bevel(mask, 0.35, 0.0004, 0.6)
        window = p.disc(2.97, 2.77, 2.1)
        p.paint(window, (34, 33, 33), table.grain(p, [(1, 0.25), (3, 0.12)]))
        p.bevel(window, 0.15, 0, -0.8)
        for cx in (0.75, 5.2):
            for cy in (0.75, 4.8):
                rivet = p.disc(cx, cy, 0.36)
                p.paint(rivet, (52, 50, 50), table.grain(p, [(1, 0.2)]))
                p.bevel(rivet, 0.16, 0.0001, 0.9)
    table.place((x, y), (5.95, 5.55), 0.0031, case)

    def plunger(p: Painting) -> None:
        mask = p.disc(1.7, 1.7, 1.66)
        p.paint(mask, (38, 52, 178), table.grain(p, [(1, 0.12), (2, 0.10), (6, 0.07)]))
        p.bevel(mask, 0.45, 0.0004, 0.7)
        ring = p.disc(1.7, 1.7, 0.95) - p.disc(1.7, 1.7, 0.8)
        p.light_up(ring, -0.4)
    table.place((x + 1.27, y + 1.07), (3.4, 3.4), 0.0050, plunger)


def _electrolytic(table: _Table, x: float, y: float) -> None:
    """Put an aluminium capacitor centred at x, y on the board: plastic base, then the can."""
    def base(p: Painting) -> None:
        mask = p.rectangle(0.02, 0.02, 6.55, 6.55, 0.5)
        p.paint(mask, (64, 60, 58), table.grain(p, [(1, 0.25), (2, 0.2), (5, 0.15)]))
        p.bevel(mask, 0.25, 0.0003, 0.9)
    table.place((x - 3.3, y - 3.3), (6.6, 6.6), 0.0007, base)

    def can(p: Painting) -> None:
        mask = p.disc(3.05, 3.05, 3.02)
        yy, xx = np.mgrid[:p.shape[0], :p.shape[1]].astype(np.float32) / p.scale - 3.05
        turning = np.interp(np.hypot(xx, yy) * p.scale, np.arange(4 * p.length(1.1)),
                            noise(table.rng, (4 * p.length(1.1), 1),
                                  [(1, 0.05), (3, 0.05)])[:, 0]).astype(np.float32)
        sheen = 0.22 * np.cos(2 * (np.arctan2(yy, xx) - 0.8))
        p.paint(mask, (176, 180, 182), table.grain(p, [(1, 0.07), (3, 0.05)]) + turning + sheen)
        black = mask * (xx < -1.25)
        p.paint(black, (50, 47, 46), table.grain(p, [(1, 0.25), (2, 0.15), (4, 0.1)]))
        for k, words in enumerate(('47', '25V', 'RVT')):
            p.paint(p.text(2.75, 2.35 + 1.05 * k, words, 0.72), (42, 40, 40))
        p.paint(p.rectangle(0.75, 2.9, 0.75, 0.22), SILK)
        p.bevel(mask, 0.5, 0.0006, 0.8)
    table.place((x - 3.05, y - 3.05), (6.1, 6.1), 0.0064, can)


def _crystal(table: _Table, x: float, y: float) -> None:
    """Put a crystal in its steel can on the board."""
    def draw(p: Painting) -> None:
        mask = p.rectangle(0.02, 0.02, 4.3, 1.9, 0.9)
        streaks = noise(table.rng, (1, p.shape[1]), [(1, 0.08), (5, 0.06)])
        p.paint(mask, (172, 176, 178), table.grain(p, [(1, 0.08), (3, 0.06)]) + streaks)
        top = p.rectangle(0.3, 0.3, 3.74, 1.34, 0.65)
        p.bevel(mask, 0.22, 0.0003, 0.7)
        p.bevel(top, 0.15, 0.0002, 0.5)
        p.paint(p.text(0.8, 1.26, '16.000', 0.5), (60, 58, 58))
    table.place((x, y), (4.35, 1.95), 0.0030, draw)


def _shaded(layers: list[Layer], px_per_mm: float) -> list[Layer]:
    """Return the layers, far to near, with soft shadows of the nearer ones on the others."""
    result = []
    depths = [float(np.median(layer.depth_m)) for layer in layers]
    for number, layer in enumerate(layers):
        height, width = layer.alpha.shape
        light = np.ones((height, width), np.float32)
        for other, depth in zip(layers[number + 1:], depths[number + 1:], strict=True):
            rise = depths[number] - depth
            if rise < 0.0002:
                continue
            shift = 0.28 * rise * 1000 * px_per_mm
            softness = max(0.12 * rise * 1000 * px_per_mm, 1.0)
            border = int(3 * softness) + 2
            alpha = cv2.copyMakeBorder(other.alpha, *(border,) * 4, cv2.BORDER_CONSTANT, value=0)
            shadow = cv2.GaussianBlur(alpha, (0, 0), softness)
            x = round(other.origin_px[0] - layer.origin_px[0] + shift) - border
            y = round(other.origin_px[1] - layer.origin_px[1] + shift) - border
            left, top = max(x, 0), max(y, 0)
            right = min(x + shadow.shape[1], width)
            bottom = min(y + shadow.shape[0], height)
            if right > left and bottom > top:
                here = np.s_[top:bottom, left:right]
                light[here] *= 1 - 0.5 * shadow[top - y:bottom - y, left - x:right - x]
        result.append(Layer(layer.texture * light[..., None], layer.depth_m, layer.alpha,
                            layer.origin_px))
    return result

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where everything is on the simulated circuit board: mm from the view's upper left corner."""

from __future__ import annotations

__all__ = ['CAPACITORS', 'RESISTORS', 'TEXTS', 'outlines', 'pads', 'traces', 'vias']

#: x, y, printed value of the resistors.
RESISTORS = [(15.5, 2.1, '103'), (15.5, 4.5, '472'), (15.5, 6.9, '220'), (6.5, 10.6, '331'),
             (2.2, 12.4, '102'), (5.4, 12.4, '512')]
#: x, y, whether it stands upright, of the capacitors.
CAPACITORS: list[tuple[float, float, bool]] = [
    (6.0, 0.9, False), (6.0, 2.7, False), (15.7, 9.2, False), (1.4, 3.75, True), (3.3, 3.75, True),
    (14.9, 11.7, True)]

#: x, y of the lower left corner, words, height of the silkscreen's texts.
TEXTS = [(11.85, 17.8, 'FOCUS STACKING', 0.8), (0.9, 2.7, 'REV 2.1', 0.7), (2.9, 6.7, 'U1', 0.6),
         (9.2, 11.4, 'U2', 0.7), (15.6, 1.55, 'R1', 0.5), (15.6, 3.95, 'R2', 0.5),
         (15.6, 6.35, 'R3', 0.5), (18.4, 9.9, 'SW1 RESET', 0.6), (22.9, 9.2, '+', 1.0),
         (13.9, 10.55, 'C5', 0.5), (10.6, 12.75, 'Y1', 0.5),
         (1.3, 14.55, '3V3 SDA SCL INT GND', 0.42),
         (4.5, 1.65, 'C1', 0.45), (4.5, 3.3, 'C2', 0.45), (11.9, 16.3, 'J1', 0.55)]


def traces() -> list[tuple[list[tuple[float, float]], float]]:
    """Return (points, width) of the traces, mm."""
    lines: list[tuple[list[tuple[float, float]], float]] = []
    for k in range(6):
        x = 9.6 + 0.65 * k
        lines.append(([(x, 3.0), (x, 1.9 - 0.12 * k), (x + 1.6, 0.3 - 0.12 * k),
                       (x + 1.6, -2)], 0.16))
        lines.append(([(x, 9.6), (x, 10.6), (x - 1.4, 12.0 + 0.1 * k), (x - 1.4, 16.2)], 0.16))
        y = 4.1 + 0.65 * k
        lines.append(([(8.0, y), (7.0, y), (6.0, y + 1.0), (6.0 - 0.3 * k, y + 1.0)], 0.16))
        lines.append(([(14.4, y), (14.8, y), (16.6, y + 0.4), (27, y + 0.4 + 0.2 * k)], 0.16))
    return [*lines,
            ([(-2, 5.8), (1.2, 5.8), (2.2, 7.0)], 0.3),
            ([(-2, 2.6), (6.2, 2.6), (7.2, 3.4)], 0.3),
            ([(16.4, 2.6), (18.2, 2.6), (18.9, 3.6)], 0.5),
            ([(21.0, 5.8), (22.6, 8.0), (27, 8.0)], 0.5),
            ([(17.2, 13.0), (14.6, 13.0), (13.2, 12.2)], 0.25),
            ([(2.6, 13.0), (2.6, 15.4)], 0.25),
            ([(5.9, 13.0), (5.0, 14.2), (5.0, 15.4)], 0.25)]


def pads() -> list[tuple[float, float, float, float]]:
    """Return x, y, width, height of the rectangular pads, mm."""
    result = []
    for x, y, _ in RESISTORS:
        result += [(x - 0.25, y - 0.1, 0.85, 1.2), (x + 1.2, y - 0.1, 0.85, 1.2)]
    for x, y, upright in CAPACITORS:
        result += ([(x - 0.1, y - 0.25, 1.2, 0.8), (x - 0.1, y + 1.05, 1.2, 0.8)] if upright else
                   [(x - 0.25, y - 0.1, 0.8, 1.2), (x + 1.05, y - 0.1, 0.8, 1.2)])
    for k in range(8):
        y = 4.1 + 0.65 * k
        result += [(6.95, y - 0.2, 1.5, 0.4), (13.95, y - 0.2, 1.5, 0.4)]
        x = 8.95 + 0.65 * k
        result += [(x - 0.2, 1.75, 0.4, 1.5), (x - 0.2, 8.75, 0.4, 1.5)]
    for k in range(4):
        y = 7.55 + 0.95 * k
        result += [(0.85, y - 0.25, 1.3, 0.5), (5.05, y - 0.25, 1.3, 0.5)]
    for x in (17.0, 22.9):
        result += [(x - 0.3, 11.2, 1.2, 0.9), (x - 0.3, 14.8, 1.2, 0.9)]
    return [*result, (17.4, 4.1, 1.5, 1.1), (23.6, 4.1, 1.2, 1.1), (8.6, 13.4, 1.0, 1.2),
            (13.2, 13.4, 1.0, 1.2)]


def vias() -> list[tuple[float, float]]:
    """Return the centres of the vias, mm."""
    return [(5.9, 5.2), (6.0, 6.6), (12.0, 0.5), (17.0, 8.7), (24.3, 10.2), (0.3, 6.0),
            (8.0, 12.9), (14.2, 15.6), (13.0, 11.9), (17.9, 0.8), (24.3, 13.4), (16.4, 16.6),
            (6.8, 9.65), (0.5, 12.0), (4.6, 11.6), (15.8, 15.6), (9.3, 0.6)]


def outlines() -> list[list[tuple[float, float]]]:
    """Return the points of the silkscreen's lines, mm."""
    def box(x: float, y: float, w: float, h: float) -> list[tuple[float, float]]:
        return [(x, y), (x + w, y), (x + w, y + h), (x, y + h), (x, y)]
    result = [box(x - 0.4, y - 0.25, 2.6, 1.5) for x, y, _ in RESISTORS]
    result += [box(x - 0.25, y - 0.4, 1.5, 2.4) if upright else box(x - 0.4, y - 0.25, 2.4, 1.5)
               for x, y, upright in CAPACITORS]
    return [*result, box(17.3, 10.3, 6.6, 6.0), box(1.1, 14.9, 10.4, 2.9)]

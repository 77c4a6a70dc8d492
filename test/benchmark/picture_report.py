# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A Markdown page with the pictures of every stack."""

from __future__ import annotations

from collections.abc import Mapping
import importlib.util
from pathlib import Path
from typing import Any

from helpers import metrics
import pictures
from scores import index_error, Outcome
from truth_stack import TruthStack

__all__ = ['PictureReport']


class PictureReport:
    """
    Draws while stacks are scored; without matplotlib it does nothing but say so.

    :param folder: for report.md and the pictures
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.possible = importlib.util.find_spec('matplotlib') is not None
        self.parts: list[str] = []
        #: What metrics.reliability returns, by method, then stack.
        self.reliability: dict[str, dict[str, Any]] = {}
        (folder / 'pictures').mkdir(parents=True, exist_ok=True)

    def add(self, stack: TruthStack, outcomes: Mapping[str, Outcome]) -> None:
        """Draw one stack; the first outcome is the one whose errors are shown."""
        counted = metrics.inner(stack.index.shape)
        for name, outcome in outcomes.items():
            if outcome.index is not None and outcome.confidence is not None:
                self.reliability.setdefault(name, {})[stack.name] = metrics.reliability(
                    index_error(stack, outcome.index)[counted], outcome.confidence[counted])
        if not (self.possible and outcomes):
            return
        first = next(iter(outcomes.values()))
        places = pictures.hardest_places(stack, first)
        part = [f'## {stack.name}\n']
        for name, draw in (
                ('maps', lambda path: pictures.draw_maps(path, stack, first)),
                ('places', lambda path: pictures.draw_places(path, stack, outcomes, places)),
                ('curves', lambda path: pictures.draw_curves(path, stack, outcomes))):
            if name == 'places' and not places:
                continue
            path = self.folder / 'pictures' / f'{stack.name}_{name}.png'
            draw(path)
            part.append(f'![{stack.name}: {name}](pictures/{path.name})\n')
        part += [f'- x {place.x}, y {place.y}: {place.what}' for place in places]
        self.parts.append('\n'.join(part) + '\n')

    def write(self, tables: str) -> dict[str, Path]:
        """Write report.md and the reliability diagrams of all stacks; return them by method."""
        if not self.possible:
            print('no pictures: matplotlib is not installed (requirements/benchmark.txt)')
            return {}
        drawn = {}
        for name, diagrams in self.reliability.items():
            path = self.folder / 'pictures' / f'reliability_{name.replace(" ", "_")}.png'
            pictures.draw_reliability(path, f'{name}: {len(diagrams)} stacks', diagrams)
            drawn[name] = path
        head = '# Quality\n\n' + '\n'.join(
            f'![reliability](pictures/{path.name})' for path in drawn.values())
        (self.folder / 'report.md').write_text(
            '\n'.join([head, '', *self.parts, tables]))
        print(f'pictures: {self.folder / "report.md"}')
        return drawn

#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Score all methods and other programs on stacks with truth.

    python3 test/benchmark/compare_quality.py --output DIR

writes DIR/tables.md, DIR/scores.json and, with matplotlib, DIR/report.md with pictures. Rendered
stacks and what other programs made of them are kept in DIR/cache (``--cache``).

    --scenes board,wires*        only these (shell patterns)
    --methods default            only these methods
    --variant "NAME:option=value,..."   the default with other options, any number of times
    --ablation                   the default with single steps changed or left out
    --peers none                 no other programs
    --write-docs                 refresh the tables in docs/quality.md
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import fields
import fnmatch
import json
import os
from pathlib import Path
import sys
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / 'test')]

from evaluation_stacks import (  # noqa: E402
    evaluation_stack,
    EVALUATION_STACKS,
    MissingStackError,
)
from focus_stacking_ros import StackOptions  # noqa: E402
from focus_stacking_ros.commands.benchmark.whole_process import RunError  # noqa: E402
from methods import ABLATIONS, known_methods, run_ours  # noqa: E402
from peers import installed_peers, PEERS, run_peer  # noqa: E402
from picture_report import PictureReport  # noqa: E402
import quality_page  # noqa: E402
from rendered_stacks import RECIPES, rendered_stack  # noqa: E402
from scores import Outcome, score  # noqa: E402
import tables  # noqa: E402
from tables import Scores  # noqa: E402
from truth_stack import TruthStack  # noqa: E402

#: Stacks on which docs/quality.md shows what each step buys.
ABLATION_STACKS = ('board', 'board_breathing_out', 'board_noisy', 'board_handheld', 'solder',
                   'plane_uneven', 'wires', 'textureless')
METHODS = ('default', 'streaming', 'quality', 'notebook')


def main() -> None:
    """Run, print a line per result, write tables and pictures."""
    parsed = _arguments()
    parsed.output.mkdir(parents=True, exist_ok=True)
    parsed.cache = parsed.cache or parsed.output / 'cache'
    parsed.cache.mkdir(parents=True, exist_ok=True)
    names = _chosen(parsed.scenes.split(','))
    report = None if parsed.no_pictures else PictureReport(parsed.output)
    parts: list[str] = []
    if not parsed.ablation:
        variants = {**known_methods(parsed.methods.split(',')), **dict(parsed.variant)}
        wanted = {'all': list(PEERS), 'none': []}.get(parsed.peers, parsed.peers.split(','))
        programs, missing = installed_peers(wanted, parsed.program)
        for name, reason in missing.items():
            print(f'without {name}: {reason}', flush=True)
        scores = _run(parsed, 'scores.json', names, variants, programs, report)
        parts.append(tables.markdown(scores, list(variants)))
    if parsed.ablation or parsed.write_docs:
        if parsed.write_docs:
            names = [name for name in names if name in ABLATION_STACKS]
        changed = _run(parsed, 'ablation.json', names, ABLATIONS, {},
                       report if parsed.ablation else None)
        parts.append('## Ablation\n\n' + tables.ablation(changed))
    (parsed.output / 'tables.md').write_text('\n'.join(parts))
    print(f'tables: {parsed.output / "tables.md"}')
    drawn = {} if report is None else report.write(parts[0])
    if parsed.write_docs:
        quality_page.refresh(scores, changed, drawn)
        print(f'tables and pictures refreshed: {quality_page.PAGE}')


def _run(parsed: argparse.Namespace, file: str, names: list[str],
         variants: dict[str, dict[str, Any]], programs: dict[str, list[str]],
         report: PictureReport | None) -> Scores:
    """Run all variants and programs on all stacks; return the scores, also kept in a file."""
    scores: Scores = {}
    for stack in _stacks(names, parsed.cache, parsed.data):
        scores[stack.name] = {}
        outcomes: dict[str, Outcome] = {}
        for name, options in variants.items():
            folder = parsed.output / 'results' / stack.name / name.replace(' ', '_')
            _record(scores, outcomes, stack, name,
                    lambda stack=stack, options=options, folder=folder:
                    run_ours(stack, options, folder))
        if stack.all_in_focus is not None:
            for name, paths in programs.items():
                _record(scores, outcomes, stack, name,
                        lambda stack=stack, name=name, paths=paths:
                        run_peer(name, paths, stack, fresh=parsed.fresh))
        (parsed.output / file).write_text(json.dumps(scores, indent=1))
        if report is not None:
            report.add(stack, outcomes)
    return scores


def _record(scores: Scores, outcomes: dict[str, Outcome], stack: TruthStack, name: str,
            run: Callable[[], Outcome]) -> None:
    """Run a method, keep its outcome and print its scores; a failure is one of them."""
    try:
        outcome = run()
    except RunError as error:
        scores[stack.name][name] = {'error': str(error)}
        print(f'{stack.name}: {name}: {error}', flush=True)
        return
    outcomes[name] = outcome
    scores[stack.name][name] = score(stack, outcome)
    print(tables.line(stack.name, name, scores[stack.name][name]), flush=True)


def _chosen(patterns: list[str]) -> list[str]:
    """Return the names of the stacks that fit one of the patterns."""
    names = [*RECIPES, *EVALUATION_STACKS]
    for pattern in patterns:
        if not fnmatch.filter(names, pattern):
            raise SystemExit(f'no stack is named {pattern!r}; there are: {", ".join(names)}')
    return [name for name in names if any(fnmatch.fnmatch(name, each) for each in patterns)]


def _stacks(names: list[str], cache: Path, data: Path) -> Iterator[TruthStack]:
    """Yield the stacks; say which are not there."""
    for name in names:
        try:
            yield (rendered_stack(name, cache) if name in RECIPES
                   else evaluation_stack(name, cache, data))
        except MissingStackError as error:
            print(f'without {name}: {error}', flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('--output', type=Path, required=True, help='folder for everything')
    parser.add_argument('--scenes', default='*', help='names or shell patterns, with commas')
    parser.add_argument('--methods', default=','.join(METHODS), help='with commas')
    parser.add_argument('--variant', type=_variant, action='append', default=[],
                        help='NAME:option=value,option=value')
    parser.add_argument('--ablation', action='store_true',
                        help='single steps changed or left out, instead of the methods')
    parser.add_argument('--peers', default='all', help='all, none, or names with commas: '
                        + ', '.join(PEERS))
    parser.add_argument('--program', action='append', default=[], metavar='PATH',
                        help='program of a peer that is not on PATH')
    parser.add_argument('--write-docs', action='store_true',
                        help='refresh docs/quality.md, ablation included')
    parser.add_argument('--no-pictures', action='store_true', help='tables only, faster')
    parser.add_argument('--fresh', action='store_true', help='run peers again, cached or not')
    parser.add_argument('--data', type=Path, default=Path(
        os.environ.get('FOCUS_STACKING_DATA') or REPOSITORY.parent / 'shared' / 'data'),
                        help='folder with synth_* and hci14')
    parser.add_argument('--cache', type=Path, help='folder for rendered stacks')
    parsed = parser.parse_args()
    if parsed.write_docs and (parsed.ablation or parsed.no_pictures):
        parser.error('--write-docs runs everything: leave --ablation and --no-pictures out')
    return parsed


def _variant(words: str) -> tuple[str, dict[str, Any]]:
    """Return name and options of NAME:option=value,option=value."""
    name, _, changes = words.partition(':')
    defaults = {item.name: item.default for item in fields(StackOptions)}
    options: dict[str, Any] = {}
    for change in filter(None, changes.split(',')):
        key, _, value = change.partition('=')
        if key not in defaults:
            raise argparse.ArgumentTypeError(f'StackOptions has no {key!r}')
        kind = type(defaults[key])
        options[key] = value.lower() == 'true' if kind is bool else kind(value)
    return name, options


if __name__ == '__main__':
    main()

#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Judge the default method and other programs on real stacks, which have no truth.

    python3 test/benchmark/compare_real_stacks.py --output DIR FOLDER...

Every folder of images in FOLDER is a stack. What is written: DIR/real_stacks.md with tables,
DIR/real_stacks.json with the figures, DIR/images/STACK with every program's image in one pixel
grid. Runs are kept in DIR/cache (``--cache``) by program, version and stack, ours by the source
of the package, so that after a change only ours runs again.

    --peers none                 no other programs, or names with commas
    --program PATH               program of a peer that is not on PATH
    --write-docs                 refresh the tables in docs/quality.md
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
import sys
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / 'test')]

import cv2  # noqa: E402
from focus_stacking_ros.commands.benchmark.whole_process import RunError  # noqa: E402
from image_figures import Judge, register, UnregisteredError  # noqa: E402
import marked_page  # noqa: E402
import numpy as np  # noqa: E402
from peers import installed_peers, PEERS, version  # noqa: E402
import quality_page  # noqa: E402
from real_stacks import find_stacks, read, RealStack, run_other, run_stack  # noqa: E402
from scores import METRICS  # noqa: E402
from tables import by_method, line, Scores, table  # noqa: E402

OURS = 'default'
WANTED = ('FocusWeave', 'focus-stack', 'align_image_stack + enfuse', 'Shine Stacker')
#: Heading and what the cells hold.
TABLES = (('Sharpness (5th percentile)', ('sharpness', 'sharpness_p5')),
          ('Overshoot in grey levels (mottle)', ('overshoot', 'mottle')),
          ('Processor seconds (peak megabytes)', ('cpu', 'megabytes')))
#: What is compared stack by stack: its heading, and what is the less the better.
COUNTED = {
    'sharper': ('sharpness', lambda value: -round(value, 3)),
    'sharpness nearer to 1': ('sharpness', METRICS['sharpness'].rank),
    'higher 5th percentile': ('sharpness_p5', METRICS['sharpness_p5'].rank),
    'less overshoot': ('overshoot', METRICS['overshoot'].rank),
    'less mottle': ('mottle', METRICS['mottle'].rank),
    'less processor time': ('cpu', METRICS['cpu'].rank),
}


def main() -> None:
    """Run, print a line per result, write the tables."""
    parsed = _arguments()
    cache = parsed.cache or parsed.output / 'cache'
    wanted = {'all': WANTED, 'none': ()}.get(parsed.peers, parsed.peers.split(','))
    programs, missing = installed_peers(wanted, parsed.program)
    for name, reason in missing.items():
        print(f'without {name}: {reason}', flush=True)
    versions = {name: version(name, paths) for name, paths in programs.items()}
    scores: Scores = {}
    for stack in find_stacks(parsed.folders):
        scores[_title(stack)] = compare(stack, programs, versions, cache,
                                        parsed.output / 'images' / stack.name)
        for name, found in scores[_title(stack)].items():
            print(f'{stack.name}: {name}: {found["error"]}' if 'error' in found
                  else line(stack.name, name, found), flush=True)
        (parsed.output / 'real_stacks.json').write_text(json.dumps(scores, indent=1))
    text = markdown(scores, versions)
    (parsed.output / 'real_stacks.md').write_text(text)
    print(text)
    if parsed.write_docs:
        marked_page.refresh(quality_page.PAGE, 'real-stacks', text)


def compare(stack: RealStack, programs: dict[str, list[str]], versions: dict[str, str],
            cache: Path, pictures: Path) -> dict[str, dict[str, Any]]:
    """
    Return the figures of every program on a stack.

    :param stack: what to fuse
    :param programs: paths by name of `PEERS`
    :param versions: likewise
    :param cache: folder for results
    :param pictures: folder for every program's image in our result's pixel grid
    :return: by program; 'error' with its reason where it failed
    """
    try:
        folder = run_stack(stack, cache)
    except RunError as error:
        return {OURS: {'error': str(error)}}
    fused = read(folder / 'all_in_focus.png')
    report = json.loads((folder / 'report.json').read_text())
    used = [frame for frame in report['frames'] if frame['accepted']]
    judge = Judge.of([read(stack.images[frame['number']]) for frame in used],
                     [np.array(frame['transform'], float) for frame in used], fused.shape[1::-1])
    pictures.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(pictures / f'{OURS}.png'), fused)
    found: dict[str, dict[str, Any]] = {OURS: judge.figures(fused) | _cost(folder.parent)}
    for name, paths in programs.items():
        # A blurred reference makes some programs fail: then the other one has its turn.
        for reference in PEERS[name].references(report['reference'], len(stack.images)):
            try:
                path = run_other(name, paths, versions[name], stack, reference, cache)
                image = register(read(path), fused)
            except (RunError, UnregisteredError) as error:
                found[name] = {'error': str(error)}
                continue
            found[name] = judge.figures(image) | _cost(path.parent)
            cv2.imwrite(str(pictures / f'{name.replace(" ", "_")}.png'), image)
            break
    return found


def markdown(scores: Scores, versions: dict[str, str]) -> str:
    """Return the tables, and on how many of the stacks ours is no worse than another program."""
    rows = []
    for name, known in versions.items():
        row = [f'{name} {known}'.strip()]
        for key, rank in COUNTED.values():
            both = [(each[OURS], each[name]) for each in scores.values() if name in each
                    and key in each[OURS] and (key in each[name] or 'error' in each[name])]
            won = sum('error' in other or rank(one[key]) <= rank(other[key])
                      for one, other in both)
            row.append(f'{won} of {len(both)}')
        row.append(str(sum('error' in each.get(name, {}) for each in scores.values()) or ''))
        rows.append(row)
    parts = ['On how many of the stacks the default is as good as another program or better (a '
             'program that\nfails counts as worse):\n\n' + table(
                 ['default against', *COUNTED, 'failed'], rows)] if rows else []
    parts += [f'{title}:\n\n' + by_method(scores, [OURS, *versions], keys)
              for title, keys in TABLES]
    return '\n'.join(parts)


def _title(stack: RealStack) -> str:
    return f'{stack.name} ({len(stack.images)})'


def _cost(folder: Path) -> dict[str, float]:
    """Return processor seconds and megabytes of a run that is kept."""
    known = json.loads((folder / 'run.json').read_text())
    return {'cpu': known['cpu'], 'megabytes': known['megabytes']}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('folders', nargs='+', type=Path, metavar='FOLDER')
    parser.add_argument('--output', type=Path, required=True, help='folder for everything')
    parser.add_argument('--cache', type=Path, help='folder for what programs made')
    parser.add_argument('--peers', default='all', help='all, none, or names with commas: '
                        + ', '.join(WANTED))
    parser.add_argument('--program', action='append', default=[], metavar='PATH',
                        help='program of a peer that is not on PATH')
    parser.add_argument('--write-docs', action='store_true', help='refresh docs/quality.md')
    parsed = parser.parse_args()
    parsed.output.mkdir(parents=True, exist_ok=True)
    return parsed


if __name__ == '__main__':
    main()

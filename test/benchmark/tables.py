# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Scores as Markdown tables."""

from __future__ import annotations

from collections.abc import Sequence
import math
from typing import Any

from scores import METRICS

__all__ = ['Scores', 'ablation', 'by_method', 'line', 'markdown', 'of_method', 'summary',
           'table']

#: By stack, then method: numbers of `METRICS`, or 'error' with its reason.
Scores = dict[str, dict[str, dict[str, Any]]]

#: Headings and what the cells of the tables by method hold.
BY_METHOD = (('All-in-focus image: PSNR, dB, all pixels (without occlusion rims)',
              ('psnr', 'psnr_open')),
             ('All-in-focus image: SSIM', ('ssim',)),
             ('Depth: RMSE, slices', ('rmse',)),
             ('Confidence: AUSE', ('ause',)),
             ('Whole process, seconds (peak megabytes)', ('seconds', 'megabytes')))


#: What is averaged over stacks.
SUMMARY = ('psnr', 'ssim', 'rmse', 'within_half', 'ause', 'sure_density', 'sure_within_one',
           'corner', 'seconds', 'megabytes')


def line(stack: str, method: str, scores: dict[str, Any]) -> str:
    """Return one line of text about a result."""
    words = [f'{key} {_cell(scores, (key,))}' for key in METRICS if key in scores]
    return f'{stack:24} {method:28} ' + '  '.join(words)


def markdown(scores: Scores, ours: Sequence[str]) -> str:
    """Return all tables."""
    parts = [f'## {method}\n\n{of_method(scores, method)}' for method in ours]
    methods = _methods(scores)
    parts += [f'## {title}\n\n{by_method(scores, methods, keys)}' for title, keys in BY_METHOD]
    parts.append(f'## Means\n\n{summary(scores)}')
    return '\n'.join(parts)


def of_method(scores: Scores, method: str, leave_out: Sequence[str] = ()) -> str:
    """Return a table of stacks by metrics."""
    part = {stack: known[method] for stack, known in scores.items() if method in known}
    keys = [key for key in METRICS
            if key not in leave_out and any(key in each for each in part.values())]
    rows = [[stack, *(_cell(each, (key,)) for key in keys)] for stack, each in part.items()]
    return table(['stack', *(METRICS[key].title for key in keys)], rows)


def summary(scores: Scores) -> str:
    """Return a table of methods by means over all stacks."""
    rows = []
    for method in _methods(scores):
        done = [known[method] for known in scores.values() if method in known]
        failed = sum('error' in each for each in done)
        rows.append([method, *(_mean(done, key) for key in SUMMARY), str(failed or '')])
    return table(['method', *(METRICS[key].title for key in SUMMARY), 'failed'], rows)


def ablation(scores: Scores, default: str = 'default') -> str:
    """Return a table of variants by means, each with its difference to the default."""
    rows = []
    for variant in _methods(scores):
        pairs = [(known[variant], known[default]) for known in scores.values()
                 if variant in known and 'error' not in known[variant]
                 and 'error' not in known[default]]
        row = [variant]
        for key in SUMMARY:
            cell = _mean([one for one, _ in pairs], key)
            numbers = [one[key] - other[key] for one, other in pairs
                       if key in one and key in other]
            if variant != default and numbers:
                cell += f' ({sum(numbers) / len(numbers):+.{METRICS[key].decimals}f})'
            row.append(cell)
        rows.append(row)
    return table(['variant', *(METRICS[key].title for key in SUMMARY)], rows)


def _methods(scores: Scores) -> list[str]:
    return list(dict.fromkeys(name for known in scores.values() for name in known))


def _mean(scores: Sequence[dict[str, Any]], key: str) -> str:
    numbers = [each[key] for each in scores if key in each]
    return f'{sum(numbers) / len(numbers):.{METRICS[key].decimals}f}' if numbers else '-'


def by_method(scores: Scores, methods: Sequence[str], keys: tuple[str, ...]) -> str:
    """Return a table of stacks by methods; the best by the first key is bold."""
    methods = [method for method in methods
               if any(keys[0] in known.get(method, {}) for known in scores.values())]
    rows = []
    for stack, known in scores.items():
        numbers = {method: known[method][keys[0]] for method in methods
                   if keys[0] in known.get(method, {})}
        if not numbers:
            continue
        rank = METRICS[keys[0]].rank
        best = min(map(rank, numbers.values()))
        row = [stack]
        for method in methods:
            cell = _cell(known.get(method, {}), keys)
            is_best = method in numbers and rank(numbers[method]) == best
            row.append(f'**{cell}**' if is_best else cell)
        rows.append(row)
    return table(['stack', *methods], rows)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table whose first column is text."""
    lines = ['| ' + ' | '.join(head) + ' |', '| --- |' + ' ---: |' * (len(head) - 1)]
    lines += ['| ' + ' | '.join(row) + ' |' for row in rows]
    return '\n'.join(lines) + '\n'


def _cell(scores: dict[str, Any], keys: tuple[str, ...]) -> str:
    """Return the first number, and the second in brackets."""
    if 'error' in scores:
        return 'failed'
    words = ['' if scores.get(key) is None or math.isnan(scores[key])
             else f'{scores[key]:.{METRICS[key].decimals}f}' for key in keys]
    if not words[0]:
        return '-'
    return words[0] + (f' ({words[1]})' if len(words) > 1 and words[1] else '')

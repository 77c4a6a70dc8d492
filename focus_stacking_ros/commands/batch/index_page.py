# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The index of a batch: a line for each stack, with a picture and figures, that can be sorted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from focus_stacking_ros.commands.batch.jobs import Job
from focus_stacking_ros.commands.batch.mark import mark_of, THUMBNAIL_FILE
from focus_stacking_ros.commands.result_files import HTML_FILE

__all__ = ['INDEX_FILE', 'index_page']

#: Name of the index in the folder of the results.
INDEX_FILE = 'index.html'


def index_page(output: Path, jobs: Sequence[Job], problems: Mapping[str, str]) -> str:
    """
    Return the page as an HTML document; its pictures and links are relative to it.

    :param output: folder of the results
    :param jobs: all stacks of the batch
    :param problems: why a stack has no result, by its name
    """
    rows = [row for job in jobs for row in _rows(output.resolve(), job,
                                                 problems.get(job.name, ''))]
    page = (resources.files('focus_stacking_ros.commands.batch') / 'index.html').read_text(
        encoding='utf-8')
    done = sum(mark_of(job.output) is not None and job.name not in problems for job in jobs)
    for name, words in (('SUMMARY', f'{done} of {len(jobs)} stacks have a result'),
                        ('ROWS', '\n'.join(rows))):
        before, _, after = page.partition(f'<!--{name}-->')
        page = before + words + after
    return page


def _rows(output: Path, job: Job, problem: str) -> list[str]:
    """Return the row of a stack, or one for each stack of a recording."""
    mark = None if problem else mark_of(job.output)
    if mark is None:
        return [f'<tr class="failed"><td></td><td>{escape(job.name)}</td><td></td><td></td>'
                f'<td></td><td>{escape(problem or "not done yet")}</td></tr>']
    if 'stacks' not in mark:
        return [_row(output, job.output, job.name, mark)]
    rows = []
    for name in mark['stacks']:
        of_stack = mark_of(job.output / name)
        if of_stack is not None:
            told = {**of_stack, 'faults': [*of_stack['faults'], *mark['problems']]}
            rows.append(_row(output, job.output / name, f'{job.name}/{name}', told))
    return rows


def _row(output: Path, folder: Path, called: str, mark: Mapping[str, Any]) -> str:
    name = escape(called)
    here = os.path.relpath(folder, output).replace(os.sep, '/')
    link = HTML_FILE if (folder / HTML_FILE).is_file() else 'overview.png'
    remarks = escape(' '.join([*mark['faults'], *mark['remarks']]))
    kind = ' class="faulty"' if mark['faults'] else ''
    return (f'<tr{kind}><td><a href="{quote(here)}/{link}"><img loading="lazy" alt="" '
            f'src="{quote(here)}/{THUMBNAIL_FILE}"></a></td>'
            f'<td><a href="{quote(here)}/{link}">{name}</a></td>'
            f'<td class="number">{mark["slices"]} / {mark["inputs"]}</td>'
            f'<td class="number">{mark["confident"]:.3f}</td>'
            f'<td class="number">{mark["noise_sigma"]:.2f}</td><td>{remarks}</td></tr>')

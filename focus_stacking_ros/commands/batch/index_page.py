# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The index of a batch: a line for each stack, with a picture and figures, that can be sorted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
import os
from pathlib import Path
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
    rows = [_row(output.resolve(), job, problems.get(job.name, '')) for job in jobs]
    page = (resources.files('focus_stacking_ros.commands.batch') / 'index.html').read_text(
        encoding='utf-8')
    done = sum(mark_of(job.output) is not None and job.name not in problems for job in jobs)
    for name, words in (('SUMMARY', f'{done} of {len(jobs)} stacks have a result'),
                        ('ROWS', '\n'.join(rows))):
        before, _, after = page.partition(f'<!--{name}-->')
        page = before + words + after
    return page


def _row(output: Path, job: Job, problem: str) -> str:
    mark = None if problem else mark_of(job.output)
    name = escape(job.name)
    if mark is None:
        waits = problem or 'not done yet'
        return (f'<tr class="failed"><td></td><td>{name}</td><td></td><td></td><td></td>'
                f'<td>{escape(waits)}</td></tr>')
    here = os.path.relpath(job.output, output).replace(os.sep, '/')
    link = HTML_FILE if (job.output / HTML_FILE).is_file() else 'overview.png'
    remarks = escape(' '.join([*mark['faults'], *mark['remarks']]))
    kind = ' class="faulty"' if mark['faults'] else ''
    return (f'<tr{kind}><td><a href="{quote(here)}/{link}"><img loading="lazy" alt="" '
            f'src="{quote(here)}/{THUMBNAIL_FILE}"></a></td>'
            f'<td><a href="{quote(here)}/{link}">{name}</a></td>'
            f'<td class="number">{mark["slices"]} / {mark["inputs"]}</td>'
            f'<td class="number">{mark["confident"]:.3f}</td>'
            f'<td class="number">{mark["noise_sigma"]:.2f}</td><td>{remarks}</td></tr>')

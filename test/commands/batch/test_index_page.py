# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The index of a batch in a real browser: pictures, links, order and filter."""

from __future__ import annotations

from collections.abc import Iterator
import json
from pathlib import Path
import shutil
from typing import Any

import cv2
from focus_stacking_ros.commands.batch.index_page import index_page
from focus_stacking_ros.commands.batch.jobs import Job
from focus_stacking_ros.commands.batch.mark import MARK_FILE, THUMBNAIL_FILE
import numpy as np
import pytest


def mark(folder: Path, **told: Any) -> None:
    """Leave what a finished stack leaves."""
    folder.mkdir(parents=True)
    (folder / MARK_FILE).write_text(json.dumps({
        'fingerprint': '', 'slices': 4, 'inputs': 4, 'confident': 0.5, 'noise_sigma': 1.0,
        'faults': [], 'remarks': [], **told}))
    cv2.imwrite(str(folder / THUMBNAIL_FILE), np.full((30, 90, 3), 128, np.uint8))
    (folder / 'overview.png').write_bytes(b'')


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Return the folder of a batch of three stacks, a recording of two and one that failed."""
    jobs = []
    for name, told in (('part 2', {'confident': 0.25}), ('part <10>', {'confident': 0.75}),
                       ('part 1', {'faults': ['it is & was tilted'], 'slices': 3})):
        mark(tmp_path / name, **told)
        jobs.append(Job(name, tmp_path, tmp_path / name, (), ''))
    for name in ('stack_000', 'stack_001'):
        mark(tmp_path / 'bag' / name)
    (tmp_path / 'bag' / MARK_FILE).write_text(json.dumps({
        'fingerprint': '', 'stacks': ['stack_000', 'stack_001'], 'problems': ['a chunk is lost']}))
    jobs += [Job('bag', tmp_path, tmp_path / 'bag', (), '', 'bag'),
             Job('bad', tmp_path, tmp_path / 'bad', (), '')]
    (tmp_path / 'part 1' / 'report.html').write_text('<title>the report</title>')
    (tmp_path / 'index.html').write_text(index_page(tmp_path, jobs, {'bad': 'no <images>'}))
    return tmp_path


@pytest.fixture
def page(output: Path) -> Iterator[Any]:
    """Return the page in Chromium; skipped where there is none."""
    playwright = pytest.importorskip('playwright.sync_api', reason='playwright drives the browser')
    program = shutil.which('chromium')
    if program is None:
        pytest.skip('chromium is not installed')
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=['--no-sandbox'])
        opened = browser.new_page(viewport={'width': 1200, 'height': 1600})
        wrong: list[str] = []
        opened.on('pageerror', lambda error: wrong.append(str(error)))
        opened.on('console', lambda message: wrong.append(message.text)
                  if message.type == 'error' else None)
        opened.goto((output / 'index.html').as_uri())
        yield opened
        assert wrong == []
        browser.close()


def names(page: Any) -> list[str]:
    """Return the names of the rows that are shown."""
    rows = page.locator('tbody tr:visible')
    return [rows.nth(at).locator('td').nth(1).inner_text() for at in range(rows.count())]


@pytest.mark.slow
def test_the_index_shows_sorts_filters_and_leads_on(page) -> None:
    assert page.locator('h1').inner_text() == '4 of 5 stacks have a result'
    every = ['part 2', 'part <10>', 'part 1', 'bag/stack_000', 'bag/stack_001', 'bad']
    assert names(page) == every
    page.wait_for_function('[...document.images].every((each) => each.naturalWidth === 90)')
    assert page.locator('img').count() == 5
    heads = page.locator('th')
    heads.nth(1).click()
    assert names(page) == ['bad', 'bag/stack_000', 'bag/stack_001', 'part <10>', 'part 1',
                           'part 2']
    heads.nth(3).click()
    heads.nth(3).click()
    assert names(page)[0] == 'part <10>'  # the most confident
    assert page.locator('tr.failed td').nth(5).inner_text() == 'no <images>'
    assert page.locator('tr.faulty').count() == 3
    for words, found in (('tilted', ['part 1']), ('CHUNK', ['bag/stack_000', 'bag/stack_001']),
                         ('nothing', [])):
        page.locator('#filter').fill(words)
        assert names(page) == found
    page.locator('#filter').fill('part 1')
    page.locator('tbody tr:visible a').last.click()
    assert page.title() == 'the report'

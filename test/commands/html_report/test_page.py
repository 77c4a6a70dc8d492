# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The page in a real browser: it shows what the result says where one clicks."""

from __future__ import annotations

from collections.abc import Iterator
import json
from pathlib import Path
import re
import shutil

import cv2
from focus_stacking_ros.cli import main
from focus_stacking_ros.commands.html_report.focus_grid import focus_grid, grid_size
from focus_stacking_ros.core.files.planes import read_plane
from focus_stacking_ros.simulation import built_in_stack
from focus_stacking_ros.simulation.write import write_stack
import numpy as np
import pytest


@pytest.fixture(scope='module')
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a result with its page; one file name looks like a tag."""
    folder = tmp_path_factory.mktemp('page')
    write_stack(built_in_stack(size=(240, 320), count=6), folder / 'stack')
    images = sorted((folder / 'stack').glob('*.png'))
    odd = images[0].with_name('000 <script>alert(1)<!--.png')
    images[0].rename(odd)
    distances = json.loads((folder / 'stack' / 'meta.json').read_text())['focus_distances_m']
    assert main(['stack', str(odd), *map(str, images[1:]), '--focus-distances',
                 ','.join(map(str, distances)), '--output', str(folder / 'out'), '--html']) == 0
    return folder / 'out'


@pytest.fixture(scope='module')
def browser() -> Iterator:
    """Return Chromium; skipped where there is none."""
    playwright = pytest.importorskip('playwright.sync_api', reason='playwright drives the browser')
    program = shutil.which('chromium')
    if program is None:
        pytest.skip('chromium is not installed')
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=[
            '--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader'])
        yield browser
        browser.close()


@pytest.fixture
def page(result: Path, browser) -> Iterator:
    """Return the page, opened anew, in the browser, which may load nothing."""
    opened = browser.new_page(viewport={'width': 1400, 'height': 1500})
    wrong: list[str] = []
    opened.on('pageerror', lambda error: wrong.append(str(error)))
    opened.on('console', lambda message: wrong.append(message.text)
              if message.type == 'error' else None)
    opened.on('request', lambda request: wrong.append(request.url)
              if not request.url.startswith(('file:', 'data:')) else None)
    opened.goto((result / 'report.html').as_uri())
    opened.wait_for_selector('#surface[data-ready=yes]')
    yield opened
    assert wrong == []
    opened.close()


def click(page, name: str, x: float, y: float) -> str:
    """Click a picture at a share of its width and height; returns what the page says."""
    box = page.locator(f'#{name}').bounding_box()
    page.mouse.click(box['x'] + x * box['width'], box['y'] + y * box['height'])
    return page.locator('#values').inner_text()


def test_the_page_is_whole_and_loads_nothing(result) -> None:
    text = (result / 'report.html').read_text()
    assert not re.search(r'(src|href)="(?!data:)', text)
    assert 'http' not in text.replace('http-equiv', '').replace('http://www.w3.org/2000/svg', '')
    assert text.count('</script>') == 3
    assert '<script>alert' not in text


def test_a_click_tells_what_the_files_say(result, page) -> None:
    depth = read_plane(result / 'depth.tiff')
    for x, y in ((0.31, 0.52), (0.77, 0.23), (0.5, 0.9)):
        words = click(page, 'all-in-focus', x, y)
        column, row = map(int, re.match(r'pixel (\d+), (\d+)', words).groups())
        assert abs(column + 0.5 - x * 320) <= 1
        assert abs(row + 0.5 - y * 240) <= 1
        found = re.search(r'depth ([\d.]+|unknown)', words).group(1)
        around = depth[row - 1:row + 2, column - 1:column + 2] * 1e3
        if found != 'unknown':
            assert np.nanmin(around) - 1e-3 <= float(found) <= np.nanmax(around) + 1e-3
    assert page.locator('.pick .cross').first.is_visible()


def test_keys_move_the_place(page) -> None:
    places = [click(page, 'depth', 0.5, 0.5)]
    page.locator('.pick').nth(1).press('ArrowRight')
    page.locator('.pick').nth(1).press('Shift+ArrowUp')
    places.append(page.locator('#values').inner_text())
    before, after = ([int(each) for each in re.match(r'pixel (\d+), (\d+):', words).groups()]
                     for words in places)
    assert after == [before[0] + 3, before[1] - 1]


def test_focus_curves_have_their_peaks_where_the_depth_is(result, page) -> None:
    grey = cv2.imread(str(result / 'all_in_focus.png'), cv2.IMREAD_GRAYSCALE)
    texture = cv2.blur(np.abs(cv2.Laplacian(grey, cv2.CV_32F)), (15, 15))
    texture[read_plane(result / 'confidence.tiff') < 0.9] = 0
    away = []
    for _ in range(12):
        y, x = np.unravel_index(int(texture.argmax()), texture.shape)
        texture[max(y - 15, 0):y + 16, max(x - 15, 0):x + 16] = 0
        words = click(page, 'all-in-focus', (x + 0.5) / 320, (y + 0.5) / 240)
        points = [tuple(map(float, pair.split(','))) for pair in page.locator(
            '#curve polyline').get_attribute('points').split()]
        assert len(points) == 6
        top = min(range(6), key=lambda rank: points[rank][1])
        away.append(abs(top - float(re.search(r'slice ([\d.]+)', words).group(1))))
    assert np.mean(np.array(away) < 1) > 0.8


def test_the_strip_shows_every_slice(page) -> None:
    shown = set()
    for rank in range(6):
        page.locator('#scrub').fill(str(rank))
        shown.add(page.locator('#slice').get_attribute('src'))
        assert page.locator('#slice-label').inner_text().startswith(f'{rank + 1} of 6')
    assert len(shown) == 6


def picture_of(page) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(page.locator('#surface').screenshot(), np.uint8), 1)


def test_the_surface_is_drawn_and_turns(page) -> None:
    before = picture_of(page)
    assert (before.max(axis=2) > 30).mean() > 0.05
    box = page.locator('#surface').bounding_box()
    page.mouse.move(box['x'] + 200, box['y'] + 150)
    page.mouse.down()
    page.mouse.move(box['x'] + 260, box['y'] + 180, steps=4)
    page.mouse.up()
    turned = picture_of(page)
    assert (cv2.absdiff(before, turned) > 20).mean() > 0.02
    page.mouse.wheel(0, -500)
    assert (picture_of(page).max(axis=2) > 30).mean() > (turned.max(axis=2) > 30).mean()
    page.locator('#textured').uncheck()
    hues = cv2.cvtColor(picture_of(page), cv2.COLOR_BGR2HSV)[..., 0]
    assert np.ptp(hues[picture_of(page).max(axis=2) > 60]) > 60


def test_the_ends_of_the_colours_are_told(page) -> None:
    near, far = (page.locator(f'#{name}').inner_text() for name in ('near', 'far'))
    assert near.endswith(' mm near')
    ends = float(near.split()[0]), float(far.removesuffix(' mm far'))
    assert ends[0] < ends[1]
    between = [float(each) for each in page.locator('#ticks span').all_inner_texts()]
    assert between == pytest.approx(np.linspace(*ends, 5)[1:-1].tolist(), abs=0.011)


def test_file_names_and_notes_are_text(page) -> None:
    assert '000 <script>alert(1)<!--.png' in page.locator('#slices').inner_text()


def test_the_page_goes_when_a_later_result_has_none(result, tmp_path) -> None:
    output = tmp_path / 'again'
    shutil.copytree(result, output)
    images = sorted((result.parent / 'stack').glob('*.png'))
    assert main(['stack', *map(str, images), '--output', str(output)]) == 0
    assert not (output / 'report.html').exists()


def test_the_grid_is_greatest_where_the_slice_is_sharp() -> None:
    image = np.full((200, 300), 90, np.uint8)
    image[80:120, 200:260] = np.random.default_rng(0).integers(0, 255, (40, 60))
    grid = focus_grid(image, 'ring_difference')
    assert grid.shape[::-1] == grid_size(image.shape) == (128, 85)
    row, column = np.unravel_index(int(grid.argmax()), grid.shape)
    assert 80 <= (row + 0.5) / 85 * 200 <= 120
    assert 200 <= (column + 0.5) / 128 * 300 <= 260
    assert focus_grid(np.zeros((1, 1), np.uint8), 'ring_difference').shape == (1, 1)

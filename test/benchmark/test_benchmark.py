# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The benchmark measures what it says: numbers with known answers, and one small run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import compare_backends
import cv2
from focus_stacking_ros.backends import OpenCVBackend
from focus_stacking_ros.commands.benchmark.whole_process import RunError
from focus_stacking_ros.simulation import circuit_board
from helpers import metrics
import homography_laplacian
import marked_page
import methods
import numpy as np
from numpy.typing import NDArray
import oracle
import peers
import pytest
import quality_page
import rendered_stacks
from rendered_stacks import Recipe, RECIPES, rendered_stack
from scores import Outcome, score
import tables
from truth_stack import TruthStack

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def stack(tmp_path_factory: pytest.TempPathFactory) -> TruthStack:
    """Return a small breathing stack, far to near, whose reference is the last slice."""
    recipe = RECIPES['board_coarse']
    RECIPES['small'] = Recipe('', circuit_board, recipe.lens, recipe.sweep, 5, (192, 256))
    try:
        return rendered_stack('small', tmp_path_factory.mktemp('cache'))
    finally:
        del RECIPES['small']


@pytest.fixture(scope='module')
def picture() -> NDArray[np.uint8]:
    rng = np.random.default_rng(0)
    image = cv2.GaussianBlur(rng.integers(0, 256, (120, 160, 3)).astype(np.uint8), (0, 0), 2)
    return cv2.normalize(image, None, 20, 235, cv2.NORM_MINMAX)


def perfect(stack: TruthStack) -> Outcome:
    return Outcome(stack.all_in_focus, stack.index, np.ones_like(stack.index), stack.depth_m,
                   None, list(stack.transforms), 1.0, 2.0)


def test_the_truth_scores_perfectly(stack: TruthStack) -> None:
    scores = score(stack, perfect(stack))
    assert scores['psnr'] > 100
    assert scores['ssim'] == pytest.approx(1)
    assert scores['rmse'] == scores['metric_rmse'] == scores['corner'] == 0
    assert scores['metric_density'] == scores['sure_density'] == 1
    assert scores['overconfidence'] == 0


def test_known_errors_have_known_scores(stack: TruthStack) -> None:
    index = stack.index + 1.5
    index[:, 128:] -= 1.25
    depth = stack.depth_m + 30e-6
    depth[:96] = np.nan
    transforms = [each.copy() for each in stack.transforms]
    transforms[1][0, 2] += 3
    transforms[1][1, 2] -= 4
    confidence = np.full_like(index, 0.75)
    result = Outcome(stack.all_in_focus, index, confidence, depth, None, transforms)
    scores = score(stack, result)
    counted = metrics.inner(index.shape)
    right = counted & (np.arange(256) >= 128)
    assert scores['within_half'] == pytest.approx(
        (right & ~stack.occluded).sum() / (counted & ~stack.occluded).sum())
    assert scores['sure_within_one'] == pytest.approx(right.sum() / counted.sum())
    assert scores['overconfidence'] == pytest.approx(0.75 - right.sum() / counted.sum(), abs=1e-3)
    assert scores['metric_rmse'] == pytest.approx(30, rel=0.01)
    assert 0.2 < scores['metric_density'] < 0.8
    assert scores['corner'] == pytest.approx(5)


def test_confidence_that_sorts_errors_has_no_sparsification_error() -> None:
    error = np.random.default_rng(1).random(1000)
    assert metrics.area_under_sparsification_error(error, -error) == pytest.approx(0)
    assert metrics.area_under_sparsification_error(error, error) > 0.5


def test_reliability_of_a_kept_and_a_broken_promise() -> None:
    confidence = np.repeat([0.35, 0.85], 500)
    error = np.where(np.arange(1000) % 2 == 0, 0.2, 3.0)  # half of each lies within one slice
    promised, kept, share = metrics.reliability(error, confidence)
    assert (promised[3], kept[3], share[3]) == pytest.approx((0.35, 0.5, 0.5))
    assert (promised[8], kept[8], share[8]) == pytest.approx((0.85, 0.5, 0.5))
    assert metrics.overconfidence(error, confidence) == pytest.approx(0.5 * 0.35)


def test_structural_similarity_falls_with_blur(picture: NDArray[np.uint8]) -> None:
    mask = np.ones(picture.shape[:2], bool)
    blurred = cv2.GaussianBlur(picture, (0, 0), 2)
    assert metrics.structural_similarity(picture, picture, mask) == pytest.approx(1)
    assert metrics.structural_similarity(blurred, picture, mask) < 0.9
    fine = picture * np.uint16(257)
    assert metrics.structural_similarity(fine, fine, mask) == pytest.approx(1)


def test_registration_takes_out_an_affine_transform(picture: NDArray[np.uint8]) -> None:
    matrix = np.array([[1.02, 0.005, -2.3], [-0.004, 0.99, 1.7]])
    moved = cv2.warpAffine(picture, matrix, (160, 120), flags=cv2.INTER_LANCZOS4,
                           borderMode=cv2.BORDER_REFLECT)
    mask = metrics.inner((120, 160))
    assert metrics.psnr(moved, picture, mask) < 30
    assert metrics.psnr(metrics.registered(moved, picture), picture, mask) > 35
    far = matrix.copy()
    far[:, 2] += 40
    moved = cv2.warpAffine(picture, far, (240, 200), flags=cv2.INTER_LANCZOS4)
    close = np.vstack([far, [0, 0, 1]]) + np.array([[0, 0, 2.0], [0, 0, -2.0], [0, 0, 0]])
    assert metrics.psnr(metrics.registered(moved, picture, close), picture, mask) > 35


def test_affine_fit_is_not_led_astray() -> None:
    rng = np.random.default_rng(2)
    truth = rng.random(2000) * 30
    found = (truth - 4) / 1.3
    found[:300] = 40 * rng.random(300)
    fitted = metrics.affine_fit(found, truth)
    assert np.abs(fitted - truth)[300:].max() < 1e-6


def test_our_method_in_a_process_of_its_own(stack: TruthStack, tmp_path: Path) -> None:
    assert stack.reference_option == 'last'
    scores = score(stack, methods.run_ours(stack, {}, tmp_path / 'result'))
    assert scores['psnr'] > 28
    assert scores['corner'] < 0.5
    assert scores['rmse'] < 1
    assert scores['seconds'] > 0
    assert 20 < scores['megabytes'] < 1000


def test_a_failing_method_says_why(stack: TruthStack, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r'exit code 1: .*OptionError'):
        methods.run_ours(stack, {'depth_outlier': -1.0}, tmp_path / 'result')


def test_every_ablation_is_legal_and_changes_something() -> None:
    options = [methods.StackOptions(**changes) for changes in methods.ABLATIONS.values()]
    assert len(set(options)) == len(options)


def test_the_simple_script_aligns_and_chooses(stack: TruthStack) -> None:
    outcome = peers.run_peer('SIFT + Laplacian', [peers.sys.executable], stack, fresh=True)
    scores = score(stack, outcome)
    assert 20 < scores['psnr'] < 40
    assert scores['rmse'] < 3
    images = [cv2.imread(str(path)) for path in stack.images[::-1]]
    still = np.abs(images[-1].astype(float) - images[0]).mean()
    moved = np.abs(homography_laplacian.aligned(images)[-1].astype(float) - images[0]).mean()
    assert moved < still


def test_a_missing_program_is_named() -> None:
    there, missing = peers.installed_peers(['FocusWeave'], ['/nowhere/other'])
    if there:
        pytest.skip('FocusWeave is on PATH')
    assert missing == {'FocusWeave': 'focusweave not installed'}


def test_backends_take_turns_and_must_agree(stack: TruthStack, monkeypatch: pytest.MonkeyPatch
                                            ) -> None:
    images = [cv2.imread(str(path)) for path in stack.images]
    found = compare_backends.compared(images, ['opencv', 'opencv'], 1)
    assert list(found) == ['opencv']
    assert {*found['opencv']} == {*compare_backends.FUNCTIONS, 'whole stack, default',
                                  'whole stack, streaming'}
    assert all(0 < time < 60e3 for time in found['opencv'].values())
    fuse, calls = OpenCVBackend.fuse, iter(range(2))

    def unlike(backend: OpenCVBackend, job: Any) -> Any:
        return fuse(backend, job) + np.uint8(2 * next(calls))
    monkeypatch.setattr(OpenCVBackend, 'fuse', unlike)
    with pytest.raises(SystemExit, match='differ'):
        compare_backends.compared(images, ['opencv', 'opencv'], 1)


def test_tables_mark_the_best_and_failures() -> None:
    scores = {'a': {'one': {'psnr': 30.0}, 'two': {'psnr': 31.0}, 'three': {'error': 'x'}}}
    by_method = tables.by_method(scores, ['one', 'two', 'three'], ('psnr',))
    assert '| a | 30.00 | **31.00** |' in by_method
    assert tables.summary(scores).splitlines()[-1].endswith('| 1 |')


def test_only_what_is_between_the_markers_is_replaced() -> None:
    page = 'before\n<!-- x -->\nold\n<!-- end of x -->\nafter'
    assert marked_page.replaced(page, 'x', 'new\n') == page.replace('old', 'new')
    with pytest.raises(ValueError, match='markers'):
        marked_page.replaced(page, 'y', 'new')


def test_the_page_has_all_markers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page = tmp_path / 'quality.md'
    page.write_text(quality_page.PAGE.read_text())
    monkeypatch.setattr(quality_page, 'PAGE', page)
    known = {'default': {'psnr': 12.34, 'psnr_open': 12.5, 'rmse': 0.987}}
    quality_page.refresh({'board': known, 'synth_pcb': known}, {'board': known}, {})
    text = page.read_text()
    assert text.count('12.34') >= 4
    assert all(recipe.difficulty in text for recipe in rendered_stacks.RECIPES.values())


def test_means_about_the_true_index_take_the_nearest_slice_or_all(stack: TruthStack) -> None:
    slices = np.array(list(oracle.aligned(stack)))
    index = np.full_like(stack.index, 2.4)
    np.testing.assert_allclose(oracle.mean_about(slices, index, 0.05), slices[2])
    np.testing.assert_allclose(oracle.mean_about(slices, index, 1e4), slices.mean(0), rtol=1e-6)
    index[:] = 2.5
    np.testing.assert_allclose(oracle.mean_about(slices, index, 0.2), slices[2:4].mean(0),
                               rtol=1e-4)


def test_what_slices_allow_is_more_the_smaller_the_parts_that_choose(stack: TruthStack) -> None:
    whole, *parts = oracle.reached(stack)
    assert whole < parts[0] < parts[1]
    # Slices out of order, or aligned the other way round, would be no better than their mean.
    blurred = np.array(list(oracle.aligned(stack))).mean(0)
    assert whole > metrics.psnr(blurred, metrics.grey_levels(stack.all_in_focus),
                                metrics.inner(stack.index.shape)) + 3

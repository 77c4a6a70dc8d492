# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The stages of alignment in C++ against those in NumPy and OpenCV, and against truth."""

from __future__ import annotations

from collections.abc import Iterator

from focus_stacking_ros.backends.native_align import NativeAlignment
from focus_stacking_ros.core.align.chain import RegistrationChain
from focus_stacking_ros.core.align.level_fit import LevelFit
from focus_stacking_ros.core.align.motion import PARAMETERS
from focus_stacking_ros.core.align.pairwise import Pair
from focus_stacking_ros.core.align.pyramid import AlignmentFrame
from focus_stacking_ros.core.align.stages import AlignmentStages, PortableAlignment
from focus_stacking_ros.core.focus.measure import luma
from focus_stacking_ros.core.options import StackOptions
from helpers.stacks import corner_error, make_stack, perspective, similarity
import numpy as np
import pytest

PORTABLE = PortableAlignment()
SHAPES = (160, 200), (161, 203), (480, 640), (541, 723)


@pytest.fixture
def native(library) -> NativeAlignment:
    """Return the stages in C++."""
    return NativeAlignment(library)


@pytest.fixture
def threads(library) -> Iterator[object]:
    """Set how many threads the library has; as many as before afterwards."""
    changed = library._functions['set_threads']
    yield changed
    changed(0)


def greys(shape: tuple[int, int], transform: np.ndarray, dtype: type = np.uint8,
          noise: float = 1.0) -> list[np.ndarray]:
    """Return luma of two slices, the second one at a transform."""
    stack = make_stack(shape, 2, transforms=[np.eye(3), transform], noise=noise, dtype=dtype)
    return [luma(image) for image in stack.images]


def known(shape: tuple[int, int], model: str) -> np.ndarray:
    """Return a transform that a model can be."""
    scale = 1.0 if model in {'translation', 'rigid'} else 1.012
    degrees = 0.0 if model in {'translation', 'scale'} else 0.7
    transform = similarity(shape, scale, (1.7, -2.3), degrees)
    if model == 'affine':
        transform[0, 1] += 0.004
    return transform @ perspective(shape, 1.5, -1.0) if model == 'projective' else transform


@pytest.mark.parametrize('shape', [*SHAPES, (40, 57), (9, 7), (1, 5), (2, 2), (1080, 1920)])
@pytest.mark.parametrize('masked', [False, True])
def test_pyramids_are_alike(native, shape, masked) -> None:
    rng = np.random.default_rng(3)
    grey = np.clip(np.cumsum(rng.integers(-90, 91, shape), axis=1) + 2000, -9, 4090)
    valid = np.full(shape, 255, np.uint8) if masked else None
    if valid is not None:
        valid[:, :shape[1] // 3] = 0
    frames = [stages.prepare(grey.astype(np.int16), None, valid) for stages in (native, PORTABLE)]
    assert len(frames[0].levels) == len(frames[1].levels)
    for ours, theirs in zip(frames[0].levels, frames[1].levels, strict=True):
        assert (ours.factor, ours.power) == (theirs.factor, theirs.power)
        np.testing.assert_allclose(ours.grey, theirs.grey, rtol=0, atol=1e-3)
        np.testing.assert_allclose(ours.cells, theirs.cells, rtol=1e-3, atol=1e-4)
        assert not masked or not ours.cells[:, :ours.cells.shape[1] // 3].any()


def test_clipped_cells_are_not_sharp_with_a_margin(native) -> None:
    grey = np.tile(np.array([[800, 2400]], np.int16), (64, 32))
    grey[30:34, 40] = 4080
    for stages in (native, PORTABLE):
        cells = stages.prepare(grey, 1).levels[0].cells
        assert (cells[14:18, 19:22] == 0).all()
        assert (cells[:13] > 0).all()
        assert (cells[:, :18] > 0).all()


def fitted(stages: AlignmentStages, frames: list[AlignmentFrame], model: str,
           start: np.ndarray) -> LevelFit:
    """Return the fit of the finest level."""
    found = stages.fit_level(frames[0].levels[0], frames[1].levels[0], start, model, 1e-4)
    assert found is not None
    return found


@pytest.mark.parametrize('model', [model for model in PARAMETERS if model != 'none'])
@pytest.mark.parametrize('shape', SHAPES)
def test_fits_are_alike_and_true(native, shape, model) -> None:
    true = known(shape, model)
    frames = [PORTABLE.prepare(grey) for grey in greys(shape, true)]
    factor = frames[0].levels[0].factor
    to_level = np.array([[1 / factor, 0, 0.5 / factor - 0.5], [0, 1 / factor, 0.5 / factor - 0.5],
                         [0, 0, 1]])
    start = to_level @ true @ np.linalg.inv(to_level)
    start[:2, 2] += 0.3  # pixels
    ours, theirs = (fitted(stages, frames, model, start) for stages in (native, PORTABLE))
    size = frames[0].levels[0].grey.shape
    # Beyond a similarity the texture hardly tells; both are as far from the truth.
    tolerance = 0.08 if model in {'affine', 'projective'} else 0.02
    assert corner_error(ours.transform, theirs.transform, size) < tolerance
    errors = [corner_error(np.linalg.inv(to_level) @ each.transform @ to_level, true, shape)
              for each in (ours, theirs)]
    assert errors[0] < errors[1] + factor * tolerance
    assert errors[0] < 0.4 if model in {'affine', 'projective'} else errors[0] < 0.2
    assert ours.residual == pytest.approx(theirs.residual, rel=0.02)
    assert ours.agreement == pytest.approx(theirs.agreement, abs=0.005)
    count = PARAMETERS[model]
    for plane, other in ((ours.information, theirs.information), (ours.trade, theirs.trade)):
        assert plane.shape == (count, count)
        np.testing.assert_allclose(np.diag(plane), np.diag(other), rtol=0.1)


def test_a_prior_holds_both_alike(native) -> None:
    shape = SHAPES[0]
    frames = [PORTABLE.prepare(grey) for grey in greys(shape, known(shape, 'similarity'))]
    start, prior = np.eye(3), np.eye(4) * 1e5
    found = [stages.fit_level(frames[0].levels[0], frames[1].levels[0], start, 'similarity',
                              1e-4, prior) for stages in (native, PORTABLE)]
    free = fitted(native, frames, 'similarity', start)
    assert corner_error(found[0].transform, found[1].transform, shape) < 0.05
    assert corner_error(found[0].transform, start, shape) < 0.8 * corner_error(
        free.transform, start, shape)
    assert found[0].information[0, 0] > 1e5


@pytest.mark.parametrize('count', [1, 2, 5])
def test_threads_change_nothing(native, threads, count) -> None:
    shape = (540, 960)
    slices = greys(shape, known(shape, 'similarity'))
    results = []
    for number in (1, count):
        threads(number)
        frames = [native.prepare(grey) for grey in slices]
        results.append((frames, fitted(native, frames, 'similarity', np.eye(3))))
    for one, other in zip(results[0][0], results[1][0], strict=True):
        for level, same in zip(one.levels, other.levels, strict=True):
            np.testing.assert_array_equal(level.grey, same.grey)
            np.testing.assert_array_equal(level.cells, same.cells)
    np.testing.assert_array_equal(results[0][1].transform, results[1][1].transform)
    np.testing.assert_array_equal(results[0][1].information, results[1][1].information)


@pytest.mark.parametrize(('shape', 'level'), [
    ((30, 40), 0), ((160, 200), 4080), ((1, 1), 100), ((3, 90), 2000)])
def test_without_texture_there_is_no_fit(native, shape, level) -> None:
    frame = native.prepare(np.full(shape, level, np.int16))
    assert native.fit_level(frame.levels[0], frame.levels[0], np.eye(3), 'rigid', 1e-3) is None
    assert Pair(frame, frame, native).register().reason


@pytest.mark.parametrize('start', [
    similarity(SHAPES[0], shift=(1e9, -1e9)), np.diag([1e-9, 1e-9, 1.0]),
    np.array([[1, 0, 0], [0, 1, 0], [-0.01, 0, 1.0]]), np.full((3, 3), np.nan)])
def test_a_wild_start_reads_nothing_beyond_the_picture(native, start) -> None:
    frames = [native.prepare(grey) for grey in greys(SHAPES[0], np.eye(3))]
    found = native.fit_level(frames[0].levels[0], frames[1].levels[0], start, 'projective', 1e-3)
    assert found is None or np.isfinite(found.residual)


def test_levels_of_two_sizes_are_refused(native) -> None:
    frames = [native.prepare(np.zeros(shape, np.int16)) for shape in ((60, 80), (80, 60))]
    with pytest.raises(ValueError, match='two sizes'):
        native.fit_level(frames[0].levels[0], frames[1].levels[0], np.eye(3), 'rigid', 1e-3)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
@pytest.mark.parametrize('model', ['auto', 'translation', 'affine', 'projective'])
def test_chains_lie_as_near_to_the_truth(native, model, dtype) -> None:
    shape, rng = (240, 320), np.random.default_rng(8)
    transforms = [similarity(shape, 1.0 if model == 'translation' else 1 + 0.006 * number,
                             tuple(rng.uniform(-2, 2, 2))) for number in range(5)]
    stack = make_stack(shape, 5, transforms=transforms, noise=1.0, dtype=dtype)
    errors = []
    for stages in (native, PORTABLE):
        chain = RegistrationChain(StackOptions(alignment_model=model), stages)
        links = [chain.add(luma(image)) for image in stack.images]
        errors.append(max(corner_error(link.transform, true @ np.linalg.inv(transforms[0]), shape)
                          for link, true in zip(links, transforms, strict=True)))
        assert [link.reason for link in links] == [''] * 5
    # Slices in and out of focus hardly tell a perspective: both are as far off.
    assert errors[0] < (1.0 if model == 'projective' else 0.45)
    assert errors[0] < errors[1] + 0.1

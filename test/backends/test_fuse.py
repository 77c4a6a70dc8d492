# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The all-in-focus image of every backend that works here, bit for bit against the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
import pickle

from backends.test_specification import DEPTHS, image_of, similarity, TRANSFORMS
import cv2
from focus_stacking_ros.backends import model, OpenCVBackend
from focus_stacking_ros.backends.model import ModelBackend
from focus_stacking_ros.core.focus.measure import luma, sharpness
from focus_stacking_ros.core.fuse import gathering
from focus_stacking_ros.core.fuse import job as fusion_job
from focus_stacking_ros.core.fuse.fixed_map import FixedMap
from focus_stacking_ros.core.fuse.fusion_slice import FusionSlice
from focus_stacking_ros.core.fuse.job import FusionGuide, FusionJob
from focus_stacking_ros.core.fuse.weights import CENTRE, fixed_power, NEVER, penalties, WEIGHT
from focus_stacking_ros.core.stack.backend import Backend, BackendError, create_backend
import numpy as np
import pytest

SIZES = ((1, 1), (1, 2), (2, 1), (3, 3), (1, 9), (8, 1), (5, 4), (7, 16), (17, 33), (50, 129))
MODEL = ModelBackend()


@pytest.fixture(params=['opencv', 'native', 'emulation'])
def backend(request: pytest.FixtureRequest) -> Backend:
    """Return a backend; skipped where it cannot work."""
    try:
        return create_backend(request.param)
    except BackendError as error:
        pytest.skip(str(error))


def job_of(shape: tuple[int, ...], depth: type, transforms: Sequence[np.ndarray],
           content: str = 'random', power: float = 4.0, seed: int = 0, gain: float = 0.1
           ) -> FusionJob:
    """Return a job whose index, trust, noise and gates take all their values."""
    rng, size = np.random.default_rng(seed), shape[:2]
    slices = []
    for number, transform in enumerate(transforms):
        image = image_of(content, shape, depth, seed + number)
        if number % 2 and min(size) > 8:
            image = cv2.GaussianBlur(image, (5, 5), 1)
        gains = tuple(1 + gain * rng.uniform(-1, 1, 3)) if len(shape) == 3 else 1 + gain * number
        slices.append(FusionSlice(image, sharpness(luma(image)), transform, gains))
    blocks = (-(-size[0] // 4), -(-size[1] // 4))

    def plane(low: float, high: float) -> np.ndarray:
        values = rng.uniform(low, high, blocks).repeat(4, 0).repeat(4, 1)[:size[0], :size[1]]
        return np.ascontiguousarray(np.clip(values, 0, None), np.float32)

    trust = np.minimum(plane(-0.5, 1.5), 1)
    guide = FusionGuide(plane(0, len(slices) - 1), trust,
                        rng.integers(0, 256, size).astype(np.uint8), plane(0, 3), plane(0.3, 9),
                        alike=0.6, missed=rng.integers(1, 256, size).astype(np.uint8),
                        narrow=rng.integers(0, 2, size).astype(np.uint8), narrowed=0.8)
    return FusionJob(slices, guide, power)


@lru_cache(maxsize=400)
def fused_by_model(pickled: bytes) -> np.ndarray:
    """Return what the model makes of a job, once for all backends."""
    return MODEL.fuse(pickle.loads(pickled))


def assert_fused(backend: Backend, job: FusionJob, words: str = '') -> np.ndarray:
    expected = fused_by_model(pickle.dumps(job))
    found = backend.fuse(job)
    assert found.dtype == expected.dtype == job.slices[0].image.dtype
    np.testing.assert_array_equal(found, expected, words)
    return found


@pytest.mark.parametrize(('channels', 'depth'), DEPTHS)
@pytest.mark.parametrize('content', ['random', 'extreme', 'white'])
def test_sizes_and_depths(backend, channels, depth, content) -> None:
    transforms = [TRANSFORMS[name] for name in ('nothing', 'scale', 'rotate', 'whole')]
    for number, size in enumerate(SIZES):
        shape = size if channels == 1 else (*size, 3)
        assert_fused(backend, job_of(shape, depth, transforms, content, seed=number), str(size))


@pytest.mark.parametrize('name', TRANSFORMS)
@pytest.mark.parametrize('depth', [np.uint8, np.uint16])
def test_transforms(backend, name, depth) -> None:
    job = job_of((40, 67, 3), depth, [TRANSFORMS[name], np.eye(3), TRANSFORMS[name]], seed=3)
    assert_fused(backend, job)
    for width in (67, 65):  # whose last pixels are a few, and one
        everywhere = job_of((40, width), depth, [TRANSFORMS[name]] * 2, seed=4)
        found = assert_fused(backend, everywhere)
        if name in {'away', 'far'}:
            assert (found == 0).all()  # no slice has data


@pytest.mark.parametrize('depth', [np.uint8, np.uint16])
@pytest.mark.parametrize('count', [1, 3])
def test_slices_that_lie_in_memory_red_first(backend, depth, count) -> None:
    transforms = [TRANSFORMS['rotate'], np.eye(3), TRANSFORMS['scale']]
    job = job_of((40, 67, 3), depth, transforms, seed=3)
    swapped = [replace(each, image=np.array(each.image[..., ::-1], order='C')[..., ::-1])
               for each in job.slices[:count]]
    assert_fused(backend, FusionJob([*swapped, *job.slices[count:]], job.guide, 4.0))


@pytest.mark.parametrize('power', [0.0, 1.3, 4.0, 15.0])
@pytest.mark.parametrize('gain', [0.0, 0.3, 3.0])
def test_powers_and_gains(backend, power, gain) -> None:
    transforms = [TRANSFORMS['nothing'], TRANSFORMS['shift'], TRANSFORMS['shrink']]
    for depth in (np.uint8, np.uint16):
        assert_fused(backend, job_of((37, 50, 3), depth, transforms, power=power, gain=gain))


@pytest.mark.parametrize('count', [2, 255, 256, 600])
def test_numbers_of_slices(backend, count) -> None:
    transforms = [similarity(1 + 0.0005 * k, 0, 0.02 * k, 0) for k in range(count)]
    job = job_of((9, 14, 3), np.uint8, transforms, 'extreme', gain=0.9)
    assert_fused(backend, job)
    # The greatest sums there are: every slice with its full weight and the greatest value.
    white = job_of((6, 5), np.uint16, [np.eye(3)] * count, 'white', gain=0.9)
    white.guide.trust[:] = 0
    assert (assert_fused(backend, white) == 65535).all()


def test_equal_slices_stay_what_they_are(backend) -> None:
    for depth in (np.uint8, np.uint16):
        job = job_of((21, 34, 3), depth, [np.eye(3)], gain=0.0)
        same = FusionJob([job.slices[0]] * 7, job.guide, 4.0)
        np.testing.assert_array_equal(assert_fused(backend, same), job.slices[0].image)


def test_a_pixel_that_some_slice_shows_is_never_without_weight() -> None:
    transforms = [TRANSFORMS[name] for name in ('nothing', 'shift', 'rotate', 'shrink')] * 5
    for seed in range(6):
        job = job_of((60, 90), np.uint8, transforms, ['random', 'extreme'][seed % 2],
                     power=seed * 1.6, seed=seed)
        flat = [FusionSlice(np.full_like(item.image, 200), item.sharpness, item.transform, 1.0)
                for item in job.slices]
        assert (MODEL.fuse(FusionJob(flat, job.guide, seed * 1.6)) == 200).all()


@pytest.mark.parametrize('content', ['random', 'extreme', 'flat'])
@pytest.mark.parametrize('power', [0.0, 4.0, 15.0])
def test_the_best_slice_of_every_pixel_has_the_full_weight(content, power) -> None:
    names = ('nothing', 'shift', 'rotate', 'shrink', 'whole', 'turn')
    transforms = [TRANSFORMS[name] for name in names]
    for seed in range(3):
        job = job_of((60, 90), np.uint8, transforms, content, power, seed)
        planes = job.tile(np.s_[0:60, 0:90]).planes
        best = np.zeros(job.shape, int)
        for number, (item, fixed) in enumerate(zip(job.slices, job.maps, strict=True)):
            x, y = np.broadcast_arrays(*fixed.positions(job.shape))
            inside = (x >= 0) & (x <= 32 * 89) & (y >= 0) & (y <= 32 * 59)
            weight = model._weights(item, number, planes, job.power, x, y)
            best = np.maximum(best, np.where(inside, weight, 0))
        assert best.min() >= 230  # two roundings of a penalty


def test_single_precision_decides_only_what_it_can() -> None:
    rng = np.random.default_rng(0)
    for depth in (np.uint8, np.uint16):
        image = rng.integers(0, np.iinfo(depth).max + 1, (200, 300)).astype(depth)
        maps = gathering.packed(rng.integers(0, 32 * 299, (500, 700)).astype(np.int32),
                                rng.integers(0, 32 * 199, (500, 700)).astype(np.int32))
        exact = np.empty(maps[1].shape, depth)
        gathering._correct(exact, image, *maps, np.arange(exact.size))
        np.testing.assert_array_equal(gathering.cubic(image, *maps), exact)


@pytest.mark.parametrize('depth', [np.uint8, np.uint16])
def test_ties_are_rounded_up(backend, depth) -> None:
    # Half-way between 0 and 1 a rounding to even would give 0.
    image = (np.arange(40) // 4 % 2).astype(depth)[None].repeat(9, axis=0)
    job = job_of((9, 40), depth, [similarity(1, 0, 0.5, 0)], gain=0.0)
    slices = [FusionSlice(image, job.slices[0].sharpness, similarity(1, 0, 0.5, 0), 1.0)]
    fused = assert_fused(backend, FusionJob(slices, job.guide, 4.0))
    assert (fused[:, 3:36:4] == 1).all()


@pytest.mark.parametrize(('shape', 'name'), [((300, 613, 3), 'rotate'), ((35, 4200), 'scale')])
def test_larger_than_a_tile(backend, shape, name) -> None:
    transforms = [np.eye(3), TRANSFORMS[name], TRANSFORMS['shift'], TRANSFORMS['shrink']]
    job = job_of(shape, np.uint8, transforms)
    job.guide.trust[:, :300] = 1
    assert_fused(backend, job)


def test_rows_that_share_nearly_all_positions(backend) -> None:
    # What rows one below the other share is found once: columns and heights that differ by a
    # rotation alone, by several pixels, and not at all.
    transforms = [similarity(scale, angle, 2.2, 1.3)
                  for scale in (1.0, 0.93, 2.1) for angle in (0, 2e-5, -4e-4, 3e-3)]
    assert_fused(backend, job_of((75, 170, 3), np.uint8, transforms))


def test_the_cut_into_tiles_changes_nothing(monkeypatch) -> None:
    transforms = [np.eye(3), TRANSFORMS['scale'], TRANSFORMS['rotate'], TRANSFORMS['shift']]
    job = job_of((70, 90, 3), np.uint8, transforms)
    whole = OpenCVBackend().fuse(job)
    monkeypatch.setattr(fusion_job, 'TILE', (16, 23))
    np.testing.assert_array_equal(OpenCVBackend().fuse(job), whole)


@pytest.mark.parametrize('depth', [np.uint8, np.uint16])
@pytest.mark.parametrize('channels', [(), (3,)])
def test_without_opencvs_interpolation_the_result_is_the_same(monkeypatch, depth, channels
                                                              ) -> None:
    job = job_of((30, 41, *channels), depth, [np.eye(3), TRANSFORMS['rotate']])
    expected = OpenCVBackend().fuse(job)
    monkeypatch.setattr(gathering, '_remaps_cubic', lambda: False)
    monkeypatch.setattr(gathering, '_remaps_linear', lambda _dtype: False)
    np.testing.assert_array_equal(OpenCVBackend().fuse(job), expected)


def test_cubic_weights_sum_to_one_and_reproduce_quadratics() -> None:
    np.testing.assert_array_equal(gathering.CUBIC_WEIGHTS.sum(axis=1), 1 << 17)
    position, taps = np.arange(32)[:, None] / 32, np.arange(-1, 3)
    lines = (gathering.CUBIC_WEIGHTS * taps).sum(axis=1) / (1 << 17)
    assert np.abs(lines - position[:, 0]).max() < 0.05
    mirrored = gathering.CUBIC_WEIGHTS[1:][::-1, ::-1]
    np.testing.assert_array_equal(gathering.CUBIC_WEIGHTS[1:], mirrored)


def test_positions_of_a_tile_are_those_of_the_whole() -> None:
    shape = (200, 300)
    for name in ('scale', 'rotate', 'shear', 'turn'):
        fixed = FixedMap.of(TRANSFORMS[name], shape)
        x, y = np.broadcast_arrays(*fixed.positions(shape))
        area = np.s_[31:77, 100:299]
        here = np.broadcast_arrays(*fixed.tables(shape).positions(area))
        np.testing.assert_array_equal(here[0], x[area])
        np.testing.assert_array_equal(here[1], y[area])


def test_penalties_and_weights() -> None:
    assert [fixed_power(power) for power in (-1, 0, 4, 15, 99)] == [0, 0, 256, 960, 960]
    # 28 steps of the logarithm are an octave of sharpness: to the power 4, 4 octaves.
    assert penalties(fixed_power(4.0))[28] == 4 * 14
    assert WEIGHT[:CENTRE + 1].min() == 255
    assert WEIGHT[CENTRE + 14] == 128
    assert WEIGHT[NEVER] == 0
    assert (np.diff(WEIGHT.astype(int)) <= 0).all()


@pytest.mark.parametrize('name', ['nothing', 'shift', 'rotate', 'scale'])
@pytest.mark.parametrize('depth', [np.uint8, np.uint16])
def test_pixels_without_data_enter_nowhere(backend, name, depth) -> None:
    job = job_of((40, 67, 3), depth, [TRANSFORMS[name], np.eye(3), np.eye(3)], seed=6)
    holes = np.random.default_rng(1).random((3, 40, 67)) < 0.1
    masks = list(np.where(holes, 0, 255).astype(np.uint8))
    masks[2][:] = 0
    masks[1][:, 30:] = 0
    slices = [replace(item, valid=mask) for item, mask in zip(job.slices, masks, strict=True)]
    found = assert_fused(backend, FusionJob(slices, job.guide, 4.0))
    spoilt = [replace(item, image=np.where(mask[..., None], item.image, 77).astype(depth))
              for item, mask in zip(slices, masks, strict=True)]
    if name == 'nothing':  # else what is interpolated reaches two pixels far
        np.testing.assert_array_equal(found, backend.fuse(FusionJob(spoilt, job.guide, 4.0)))
    assert (found[:, :30] != 0).any()

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The rendered stacks of the benchmark: which scene, seen by which lens in which sweep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
import hashlib
from pathlib import Path

from focus_stacking_ros import simulation
from focus_stacking_ros.simulation import (
    ball_grid,
    BUILT_IN_LENS,
    circuit_board,
    crossing_wires,
    dome,
    render_stack,
    rough_metal,
    Scene,
    solder_joints,
    Sweep,
    textureless_parts,
    ThinLens,
    tilted_plane,
)
from truth_stack import load_truth_stack, save_truth_stack, TruthStack

__all__ = ['RECIPES', 'Recipe', 'rendered_stack']

NEAR_M, FAR_M = 0.2427, 0.2508  # just beyond both ends of every scene
SIZE = (600, 800)


@dataclass(frozen=True)
class Recipe:
    """
    How a stack of the benchmark is rendered.

    :param difficulty: what it is there for, a few words for the documentation
    :param scene: renders a scene from a seed and a size
    :param lens: the camera
    :param sweep: its sweep
    :param seed: of everything random
    :param size: (height, width), pixels
    """

    difficulty: str
    scene: Callable[[int, tuple[int, int]], Scene]
    lens: ThinLens
    sweep: Sweep
    seed: int
    size: tuple[int, int] = SIZE


def _lens(**changes: float | None) -> ThinLens:
    return replace(BUILT_IN_LENS, **changes)


def _sweep(count: int, *, far_to_near: bool = False, ends: tuple[float, float] = (NEAR_M, FAR_M),
           **changes: float) -> Sweep:
    first, last = ends[::-1] if far_to_near else ends
    return Sweep.between(first, last, count, **{'shake_px': 1.0, 'exposure_flicker': 0.01,
                                                **changes})


#: Every rendered stack by name. Seeds are arbitrary, but none is that of a test.
RECIPES: dict[str, Recipe] = {
    'board': Recipe(
        '4 % breathing, shake, exposure flicker', circuit_board, _lens(),
        _sweep(12, unevenness=0.2), 101),
    'board_breathing_out': Recipe(
        '20 % breathing (far slices wider), far to near, 3 px shake, rotation 0.1°',
        circuit_board, _lens(breathing=-0.2),
        _sweep(12, far_to_near=True, shake_px=3.0, rotation_rad=0.002), 102),
    'board_breathing_in': Recipe(
        '20 % breathing (far slices narrower), uneven steps, 16 bit', circuit_board,
        _lens(breathing=0.2, bit_depth=16), _sweep(14, unevenness=0.8, shake_px=2.0), 103),
    'board_noisy': Recipe(
        'noise of sigma 6 (dark) to 8 (white) grey levels', circuit_board,
        _lens(read_noise=6.0, shot_noise=5.0), _sweep(12), 104),
    'board_drift': Recipe(
        'telecentric; exposure +20 %, white balance 10 % from first to last slice',
        circuit_board, _lens(breathing=0.0),
        _sweep(10, far_to_near=True, exposure_drift=0.2, white_balance_drift=0.1,
               exposure_flicker=0.02), 105),
    'board_handheld': Recipe(
        'as by a phone: 12 px shake, rotation 0.3°, 8 % breathing, drift, noise, JPEG',
        circuit_board,
        _lens(breathing=0.08, read_noise=1.5, shot_noise=3.0, jpeg_quality=92),
        _sweep(12, shake_px=12.0, rotation_rad=0.005, exposure_drift=0.1,
               white_balance_drift=0.06, unevenness=0.6), 106),
    'board_beyond': Recipe(
        'sweep far beyond the scene: the end slices are all blur', circuit_board, _lens(),
        _sweep(20, ends=(0.2375, 0.2570)), 107),
    'board_coarse': Recipe(
        'few slices, two depths of field apart', circuit_board, _lens(breathing=-0.08),
        _sweep(6, far_to_near=True), 108),
    'solder': Recipe(
        'highlights six times white, small bent surfaces', solder_joints, _lens(),
        _sweep(12, unevenness=0.3), 109),
    'solder_16_bit': Recipe(
        'the same, 16 bit, far to near, 10 % breathing, rotation', solder_joints,
        _lens(bit_depth=16, breathing=0.1),
        _sweep(12, far_to_near=True, rotation_rad=0.002, shake_px=2.0), 110),
    'metal': Recipe(
        'rough metal with glints 30 times white', rough_metal, _lens(), _sweep(12), 117),
    'metal_handheld': Recipe(
        'the same as by a phone: 20 px shake, rotation, 12 % breathing, uneven steps, JPEG',
        rough_metal, _lens(breathing=-0.12, read_noise=1.0, shot_noise=2.5, jpeg_quality=88),
        _sweep(12, shake_px=20.0, rotation_rad=0.005, unevenness=0.6, far_to_near=True,
               exposure_drift=-0.1), 118),
    'balls': Recipe(
        'repeated pattern, highlights 40 times white on a dark ground', ball_grid, _lens(),
        _sweep(12, shake_px=4.0), 119),
    'balls_16_bit': Recipe(
        'the same, 16 bit, noise, far to near, 20 % breathing', ball_grid,
        _lens(breathing=0.2, bit_depth=16, read_noise=2.0, shot_noise=3.0),
        _sweep(14, shake_px=2.0, far_to_near=True), 120),
    'plane': Recipe(
        'tilted print, without noise', tilted_plane,
        _lens(read_noise=0.0, shot_noise=0.0), _sweep(9, ends=(0.2465, 0.2540)), 111),
    'plane_uneven': Recipe(
        'tilted print, uneven steps, far to near, noise, breathing of the thin lens',
        tilted_plane, _lens(breathing=None, read_noise=2.0, shot_noise=3.0),
        _sweep(10, ends=(0.2465, 0.2540), far_to_near=True, unevenness=1.0, shake_px=2.0), 112),
    'dome': Recipe(
        'turned metal, depth without a step', dome, _lens(breathing=0.05),
        _sweep(12, shake_px=2.0), 113),
    'wires': Recipe(
        'thin parts that cross at different heights', crossing_wires, _lens(),
        _sweep(12, far_to_near=True, shake_px=2.0), 114),
    'wires_breathing': Recipe(
        'the same, 15 % breathing, 16 bit, noise', crossing_wires,
        _lens(breathing=-0.15, bit_depth=16, read_noise=2.0, shot_noise=3.0),
        _sweep(12, unevenness=0.5, shake_px=2.0), 115),
    'textureless': Recipe(
        'plain cards, most of them without a depth signal', textureless_parts, _lens(),
        _sweep(10, unevenness=0.3), 116),
}


def rendered_stack(name: str, cache: Path) -> TruthStack:
    """
    Return a stack of `RECIPES`, rendered unless the cache holds it.

    :param name: a key of `RECIPES`
    :param cache: folder; an entry is named after the recipe and the renderer's source
    """
    recipe = RECIPES[name]
    folder = cache / f'{name}-{_digest(recipe)}'
    if not folder.exists():
        scene = recipe.scene(recipe.seed, recipe.size)
        stack = render_stack(scene, recipe.lens, recipe.sweep, recipe.seed)
        save_truth_stack(
            folder, stack.slices, index=stack.slice_index(), occluded=stack.occluded,
            reference=stack.reference, focus_distances_m=stack.focus_distances_m,
            all_in_focus=stack.all_in_focus, depth_m=stack.depth_m, transforms=stack.transforms)
    return load_truth_stack(name, folder)


def _digest(recipe: Recipe) -> str:
    """Return a short name of everything that the rendered pixels depend on."""
    facts = (recipe.scene.__name__, recipe.lens, recipe.sweep, recipe.seed, recipe.size)
    digest = hashlib.sha256(repr(facts).encode())
    for source in sorted(Path(simulation.__file__).parent.glob('*.py')):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:10]

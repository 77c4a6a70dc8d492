# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the model of the board makes of counted blocks."""

from __future__ import annotations

from pathlib import Path
import shutil

from accel.board_model.blocks import costs, read_blocks
import pytest

NOTHING, ADD, DIVIDE = 'd503201f', '8b010000', '9ac10800'  # nop; add x0, x0, x1; udiv x0, x0, x1


@pytest.fixture
def counts(tmp_path: Path) -> Path:
    """Return what counter.c writes: a block twice, of two stages, and another."""
    path = tmp_path / 'counts.txt'
    path.write_text(f'1000 2 {ADD}{ADD} 1:5 2:7\n2000 2 {ADD}{ADD} 1:100\n'
                    f'3000 1 {DIVIDE} 2:50\n4000 3 {NOTHING * 3} 3:4\n')
    return path


def test_equal_blocks_are_one(counts: Path) -> None:
    found = {block.code: block.times for block in read_blocks(counts)}
    assert found[(0x8b010000, 0x8b010000)] == {1: 105, 2: 7}
    assert found[(0x9ac10800,)] == {2: 50}
    assert len(found) == 3


def test_stages_have_instructions_and_cycles(counts: Path) -> None:
    for program in 'llvm-mc', 'llvm-mca':
        if shutil.which(program) is None:
            pytest.skip(f'{program} is not installed; Debian has it in the package llvm')
    found = costs(read_blocks(counts))
    assert {stage: cost.instructions for stage, cost in found.items()} == {1: 210, 2: 64, 3: 12}
    # One addition after the other takes a cycle each, a division several.
    assert found[1].cycles == pytest.approx(210, rel=0.1)
    assert found[2].cycles > 3 * 50
    assert found[3].cycles == pytest.approx(12, rel=0.1)

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the model of the board makes of counted blocks, and the page of it."""

from __future__ import annotations

from pathlib import Path
import shutil

from accel.board_model.blocks import Cost, costs, read_blocks
from accel.board_model.tables import FABRIC, NEXT, STAGES, tables
from marked_page import replaced
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


def stages(*, together: bool) -> dict[str, Cost]:
    """Return costs of every stage: a million cycles each, with the kernel those of the CPU."""
    names = {name for name in STAGES if not together or name not in FABRIC} - {'gather'}
    found = {name: Cost(1000, 1e6) for name in names - {'guide'}}
    if together:
        return found | {'guide': Cost(400, 0.4e6)}
    return found | {'fuse': Cost(1000, 1e6)}


def test_what_decides_the_weights_is_told_from_what_the_fabric_does() -> None:
    rows = {line.split(' | ')[0].strip('| '): line.split(' | ')[1:]
            for line in tables(stages(together=False), stages(together=True), 10)[
                'board-stages'].splitlines()}
    whole = len(STAGES) - 1  # the two of `fuse` are one of these
    assert rows['all'][1] == f'{whole:.0f}'
    assert rows[STAGES['guide'][0]][3] == f'{0.4 / whole:.1%}'
    assert rows[STAGES['gather'][0]][3] == f'{0.6 / whole:.1%}'


def test_every_stage_is_of_the_fabric_or_might_be_or_has_no_pass() -> None:
    named = [*FABRIC, *(name for some in NEXT.values() for name in some)]
    assert len(named) == len(set(named))
    without = {name for name, (_, needed) in STAGES.items() if needed == 'no pass of its own'}
    assert set(STAGES) - set(named) == without


def test_the_share_of_the_fabric_grows_from_row_to_row() -> None:
    made = tables(stages(together=False), stages(together=True), 10)
    shares = [float(line.split(' | ')[1].rstrip('%'))
              for line in made['board-next'].splitlines()[2:-1]]
    assert len(shares) == 1 + len(NEXT)
    assert shares == sorted(shares)
    whole = len(STAGES) - 1
    assert shares[0] == round(100 * 2.6 / whole)
    assert f'**{2.6 / whole:.0%}**' in made['board-share']


def test_the_page_has_a_place_for_all_and_says_that_it_is_an_estimate(repository: Path) -> None:
    text = (repository / 'docs' / 'kv260.md').read_text(encoding='utf-8')
    for name in tables(stages(together=False), stages(together=True), 10):
        assert replaced(text, name, '') != text
        section = text[:text.index(f'<!-- {name} -->')].rpartition('### ')[2]
        assert '**estimates**' in section

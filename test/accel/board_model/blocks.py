# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What counter.c has counted: instructions and, by llvm-mca, Cortex-A53 cycles by stage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
import re
import subprocess

__all__ = ['Block', 'Cost', 'costs', 'read_blocks']

#: Share of a stage's instructions whose blocks llvm-mca looks at; the rest is taken for alike.
COVERED = 0.95
_ITERATIONS = 100
_TRIPLE = '-triple=aarch64', '-mattr=+v8a,+crc,+crypto,+lse,+rdm,+dotprod,+fp16fml'


@dataclass(frozen=True, eq=False)
class Block:
    """
    Instructions that run one after the other.

    :param code: of each instruction
    :param times: that it ran, by stage
    """

    code: tuple[int, ...]
    times: dict[int, int]


@dataclass
class Cost:
    """
    What a stage takes.

    :param instructions: all of them
    :param cycles: of one Cortex-A53 whose data and code are in its caches
    :param covered: instructions whose cycles are known
    """

    instructions: int = 0
    cycles: float = 0.0
    covered: int = 0
    blocks: list[tuple[int, Block]] = field(default_factory=list, repr=False)


def read_blocks(path: Path) -> list[Block]:
    """Return what a run has counted, equal blocks as one."""
    found: dict[tuple[int, ...], dict[int, int]] = {}
    with path.open() as file:
        for line in file:
            _, count, text, *times = line.split()
            code = tuple(int(text[k:k + 8], 16) for k in range(0, 8 * int(count), 8))
            here = found.setdefault(code, {})
            for each in times:
                stage, number = map(int, each.split(':'))
                here[stage] = here.get(stage, 0) + number
    return [Block(code, times) for code, times in found.items()]


def costs(blocks: Iterable[Block]) -> dict[int, Cost]:
    """Return what each stage takes."""
    stages: dict[int, Cost] = {}
    for block in blocks:
        for stage, times in block.times.items():
            cost = stages.setdefault(stage, Cost())
            cost.instructions += times * len(block.code)
            cost.blocks.append((times * len(block.code), block))
    chosen: dict[Block, None] = {}
    for cost in stages.values():
        cost.blocks.sort(key=lambda item: -item[0])
        for count, block in cost.blocks:
            if cost.covered >= COVERED * cost.instructions:
                break
            cost.covered += count
            chosen[block] = None
    known = dict(zip(map(id, chosen), _cycles([each.code for each in chosen]), strict=True))
    for stage, cost in stages.items():
        cost.covered = 0
        for count, block in cost.blocks:
            cycles = known.get(id(block))
            if cycles:
                cost.covered += count
                cost.cycles += block.times[stage] * cycles
        cost.cycles *= cost.instructions / max(cost.covered, 1)
        cost.blocks.clear()
    return stages


def _assembly(words: Sequence[int]) -> dict[int, str]:
    """Return the text of instructions; what llvm-mc does not know is left out."""
    lines = [' '.join(f'0x{byte:02x}' for byte in word.to_bytes(4, 'little')) for word in words]
    done = subprocess.run(['llvm-mc', '--disassemble', *_TRIPLE], input='\n'.join(lines) + '\n',
                          capture_output=True, text=True, check=False)
    unknown = {int(number) - 1 for number in re.findall(r'<stdin>:(\d+):', done.stderr)}
    texts = [line.strip() for line in done.stdout.splitlines()
             if line.strip() and not line.strip().startswith('.')]
    known = [word for number, word in enumerate(words) if number not in unknown]
    return dict(zip(known, texts, strict=True))


def _cycles(codes: Sequence[tuple[int, ...]]) -> list[float]:
    """Return the cycles of blocks, of each as if it followed itself; 0 for what is not known."""
    texts = _assembly(sorted({word for code in codes for word in code}))
    lines = []
    for number, code in enumerate(codes):
        if all(word in texts for word in code):
            lines += [f'# LLVM-MCA-BEGIN {number}', *(texts[word] for word in code),
                      '# LLVM-MCA-END']
    done = subprocess.run(
        ['llvm-mca', '-mtriple=aarch64', '-mcpu=cortex-a53', f'-iterations={_ITERATIONS}',
         '-resource-pressure=0', '-instruction-info=0'], input='\n'.join(lines) + '\n',
        capture_output=True, text=True, check=False)
    found = {int(number): int(cycles) / _ITERATIONS for number, cycles in re.findall(
        r'Code Region - (\d+)\n.*?Total Cycles:\s+(\d+)', done.stdout, re.S)}
    if not found:
        raise SystemExit(f'llvm-mca says: {done.stderr[:2000]}')
    return [found.get(number, 0.0) for number in range(len(codes))]

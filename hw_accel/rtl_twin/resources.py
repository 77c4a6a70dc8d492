#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Count with yosys what the twin takes of an UltraScale+ FPGA, as rows of a Markdown table.

The twin is not what Vitis would build from the kernel's source; and yosys places nothing and knows
no times. Run it from anywhere; it needs yosys and make, and takes a minute.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
import json
from pathlib import Path
import re
import subprocess
import sys
import tempfile

HERE = Path(__file__).resolve().parent
#: Cells of one kind; an inverter is counted as a LUT, and so is a shift register made of one.
KINDS = {
    'LUT': r'LUT\d|INV|SRL\w+',
    'FF': r'FD[RSCP]E',
    'DSP': r'DSP\w+',
    'block RAM': r'RAMB36\w+',
}
#: Half of a block RAM.
HALF_RAM = r'RAMB18\w+'
#: What an XCK26 has of each.
TOTAL = {'LUT': 117_120, 'FF': 234_240, 'DSP': 1_248, 'block RAM': 144}


def sources() -> dict[str, list[str]]:
    """Return the files of each module, from the Makefile."""
    text = (HERE / 'Makefile').read_text()
    modules = re.search(r'^MODULES := (.*)$', text, re.MULTILINE)
    assert modules is not None
    return {name: re.findall(rf'^{name} := (.*)$', text, re.MULTILINE)[0].split()
            for name in modules.group(1).split()}


def counted(module: str, files: list[str]) -> dict[str, float]:
    """Return how many cells of each kind a module takes."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(['make', '-s', 'tables', f'BUILD={folder}'], cwd=HERE, check=True)
        listing = Path(folder) / 'cells.json'
        # Without -nolutram yosys 0.23 stops at an error of its own library of memories.
        done = subprocess.run(
            ['yosys', '-q', '-p',
             f'read_verilog -sv -I{folder} {" ".join(files)}; '
             f'synth_xilinx -family xcup -top {module} -flatten -noiopad -nolutram -abc9; '
             f'tee -q -o {listing} stat -json'],
            cwd=HERE, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f'yosys cannot synthesise {module}: {done.stderr[-2000:]}')
        # Some versions write more than the JSON into the file.
        text = listing.read_text()
    cells = json.loads(text[text.index('{'):text.rindex('}') + 1])['design']['num_cells_by_type']
    counts = dict.fromkeys(KINDS, 0.0)
    for cell, number in cells.items():
        for kind, names in KINDS.items():
            counts[kind] += number if re.fullmatch(names, cell) else 0
        counts['block RAM'] += number / 2 if re.fullmatch(HALF_RAM, cell) else 0
    return counts


def main() -> None:
    """Print the table."""
    print('| Module |', ' | '.join(KINDS), '|')
    print('| --- ' * (len(KINDS) + 1) + '|')
    whole = dict.fromkeys(KINDS, 0.0)
    modules = {name: files for name, files in sources().items()
               if name in sys.argv[1:] or not sys.argv[1:]}
    with ThreadPoolExecutor() as pool:  # yosys itself uses one core
        results = list(pool.map(counted, modules, modules.values()))
    for module, counts in zip(modules, results, strict=True):
        print(f'| {module} |', ' | '.join(f'{count:,g}' for count in counts.values()), '|')
        whole = {kind: whole[kind] + count for kind, count in counts.items()}
    shares = (f'{100 * whole[kind] / TOTAL[kind]:.1f} %' for kind in KINDS)
    print('| all, of an XCK26 |', ' | '.join(shares), '|')


if __name__ == '__main__':
    main()

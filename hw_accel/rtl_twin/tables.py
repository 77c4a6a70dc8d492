#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Write the tables of the kernel's source, a header's name is the argument, in SystemVerilog."""

from __future__ import annotations

from pathlib import Path
import re
import sys

#: Names there and here.
NAMES = {'kLogSharpness': 'log_of_sharpness', 'kDistance': 'distance', 'kGate': 'gate',
         'kWeight': 'weight'}

text = Path(sys.argv[1]).read_text()
for theirs, ours in NAMES.items():
    values = re.search(rf'uint8_t {theirs}\[256\] = {{(.*?)}};', text, re.DOTALL)
    assert values is not None, theirs
    print(f'function automatic logic [7:0] {ours}(input logic [7:0] index);\n  case (index)')
    for index, value in enumerate(values.group(1).split(',')):
        print(f"    8'd{index}: {ours} = 8'd{int(value)};")
    print('  endcase\nendfunction')

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Run a program and write its exit code, seconds and peak megabytes as JSON.

    python3 -I -S launcher.py FACTS PROGRAM ARGUMENT...

Linux counts the memory of the process that starts a program as that program's, so a small process
has to stand in between.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

if __name__ == '__main__':
    start = time.perf_counter()
    process = subprocess.Popen(sys.argv[2:])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    with open(sys.argv[1], 'w') as facts:
        json.dump([process.returncode, time.perf_counter() - start, usage.ru_maxrss / 1e3], facts)

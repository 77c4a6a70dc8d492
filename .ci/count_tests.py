# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Print how many tests passed, failed and were skipped; count_tests.py FAILED_STEPS XML..."""

from __future__ import annotations

from pathlib import Path
import sys
from xml.etree import ElementTree


def main(failed_steps: int, files: list[str]) -> int:
    """Add up pytest's JUnit files; returns 1 if anything failed, or nothing was tested."""
    total = failed = skipped = 0
    for file in files:
        if not Path(file).exists():
            continue
        for suite in ElementTree.parse(file).getroot().iter('testsuite'):
            total += int(suite.get('tests', 0))
            failed += int(suite.get('failures', 0)) + int(suite.get('errors', 0))
            skipped += int(suite.get('skipped', 0))
    passed = total - failed - skipped
    # A failed test fails its step too: it is counted once.
    failed = max(failed, failed_steps)
    print(f'{passed} passed, {failed} failed, {skipped} skipped')
    return 1 if failed or not passed else 0


if __name__ == '__main__':
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))

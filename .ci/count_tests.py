# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Name the failed tests, then print how many passed, failed and were skipped.

Usage: count_tests.py FAILED_STEPS XML...
"""

from __future__ import annotations

from pathlib import Path
import sys
from xml.etree import ElementTree


def name_failed(case: ElementTree.Element, versions: str) -> str:
    """Name a failed `testcase` of a JUnit file, its versions, and the first line of its reason."""
    fault = case.find('failure')
    fault = case.find('error') if fault is None else fault
    message = '' if fault is None else fault.get('message', '')
    first = (message.splitlines() or [''])[0]
    name = f'{case.get("classname")}::{case.get("name")}'
    return f'FAILED with {versions} versions: {name}: {first[:300]}'


def main(failed_steps: int, files: list[str]) -> int:
    """Add up pytest's JUnit files; returns 1 if anything failed, or nothing was tested."""
    total = failed = skipped = 0
    names: list[str] = []
    for file in files:
        if not Path(file).exists():
            continue
        for suite in ElementTree.parse(file).getroot().iter('testsuite'):
            total += int(suite.get('tests', 0))
            failed += int(suite.get('failures', 0)) + int(suite.get('errors', 0))
            skipped += int(suite.get('skipped', 0))
            names += [name_failed(case, Path(file).stem) for case in suite.iter('testcase')
                      if case.find('failure') is not None or case.find('error') is not None]
    passed = total - failed - skipped
    for name in names:  # near the last line, as of a long output the end is what is read
        print(name)
    # A failed test fails its step too: it is counted once.
    failed = max(failed, failed_steps)
    print(f'{passed} passed, {failed} failed, {skipped} skipped')
    return 1 if failed or not passed else 0


if __name__ == '__main__':
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))

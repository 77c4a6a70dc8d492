#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Write docs/parameters.md and the refusals in docs/faults.md; run from the repository's root."""

from __future__ import annotations

from pathlib import Path
import sys

sys.path[:0] = [str(Path(__file__).parents[1])]

from focus_stacking_ros import StackOptions  # noqa: E402
from focus_stacking_ros.core.option_table import option_table  # noqa: E402
from focus_stacking_ros.core.refusal import refusal_table  # noqa: E402
from focus_stacking_ros.ros.player.options import PlayerOptions  # noqa: E402
from focus_stacking_ros.ros.sim_camera.options import SimCameraOptions  # noqa: E402
from focus_stacking_ros.ros.stacker.options import NodeOptions  # noqa: E402
from focus_stacking_ros.ros.sweeper.options import SweepOptions  # noqa: E402

__all__ = ['parameters_page']


def parameters_page() -> str:
    """Return the page as Markdown."""
    return f"""# Parameters

This page is written by `python3 docs/parameters.py` from the declarations in the code.

## The algorithm

Parameters of the node `stacker`, flags of `python3 -m focus_stacking_ros stack`, fields of
`StackOptions`. From when on a change of a parameter holds is in the table.

{option_table(StackOptions, flags=True)}
## The node `stacker`

A change that comes too late is refused with the reason: what holds from the activation can be
changed while the node is inactive, what holds from the configuration after a clean-up, and what
holds from the start or from the first of these only when the node starts.

{option_table(NodeOptions)}
The subscriptions take `qos_overrides` parameters too, for example
`qos_overrides./image.subscription.reliability`; where one is set, it wins over `input.*`. So do
the publishers, for example `qos_overrides./points.publisher.durability`, over `output.*`.

## The node `sweeper`

[sweeping.md](sweeping.md) explains them in context.

{option_table(SweepOptions)}
## The node `sim_camera`

{option_table(SimCameraOptions)}
## The node `player`

{option_table(PlayerOptions)}"""


def with_refusals(page: str) -> str:
    """Return docs/faults.md with the table of refusals as the code has it now."""
    head = refusal_table().partition('\n')[0]
    start = page.index(head)
    return page[:start] + refusal_table() + page[page.index('\n\n', start) + 1:]


if __name__ == '__main__':
    Path('docs', 'parameters.md').write_text(parameters_page(), encoding='utf-8')
    FAULTS = Path('docs', 'faults.md')
    FAULTS.write_text(with_refusals(FAULTS.read_text(encoding='utf-8')), encoding='utf-8')

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What config/zenoh sets is well formed, keeps what was set before, and is on its page."""

from __future__ import annotations

from pathlib import Path
import subprocess

import pytest

FILE = Path(__file__).parents[2] / 'config' / 'zenoh' / 'large_images.sh'


def overridden(before: str = '') -> list[str]:
    """Return the settings after a shell has sourced the file."""
    script = f'. {FILE}; printf %s "$ZENOH_CONFIG_OVERRIDE"; set | grep -c ^focus_stacking_'
    environment = {'ZENOH_CONFIG_OVERRIDE': before, 'PATH': '/usr/bin:/bin'}
    said = subprocess.run(['sh', '-uc', script], env=environment, check=False, capture_output=True,
                          text=True)
    assert not said.stderr
    settings, left = said.stdout[:-2], said.stdout[-2:]
    assert left == '0\n'  # nothing but the override stays behind
    return settings.split(';')


def test_what_was_set_before_is_kept() -> None:
    assert overridden('mode="client"') == ['mode="client"', *overridden()]


def test_images_of_60_megabytes_wait_for_room() -> None:
    values = dict(setting.split('=', 1) for setting in overridden())
    assert '"**/sensor_msgs::msg::dds_::Image_/**"' in values['qos/publication']
    assert 'congestion_control:"block"' in values['qos/publication']
    drop = 'transport/link/tx/queue/congestion_control/drop/max_wait_before_drop_fragments'
    assert float(values[drop]) * 1e-6 > 60e6 * 8 / 1e9  # a gigabit link
    pool = values['transport/shared_memory/transport_optimization/pool_size']
    assert int(pool) >= 4 * 60_000_000
    assert values['transport/shared_memory/enabled'] == 'true'
    assert int(values['transport/link/tx/queue/size/data']) <= 16  # Zenoh refuses more


@pytest.mark.parametrize('setting', overridden())
def test_the_page_has_every_setting(setting: str, repository: Path) -> None:
    key, value = setting.split('=', 1)
    page = (repository / 'docs' / 'zenoh.md').read_text()
    end = '/'.join(key.split('/')[-2:]) + '`'
    line = next((line for line in page.splitlines() if end in line), None)
    assert line is not None, f'docs/zenoh.md has no {key}'
    assert (f'| {value} |' if value.isalnum() else '| block |') in line

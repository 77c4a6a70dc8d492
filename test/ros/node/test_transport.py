# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How many large messages are sent at once."""

from __future__ import annotations

from focus_stacking_ros.ros.node.transport import messages_in_flight
import pytest


@pytest.mark.parametrize(('name', 'value', 'number'), [
    ('FASTDDS_DEFAULT_PROFILES_FILE', 'x.xml', 2), ('FASTRTPS_DEFAULT_PROFILES_FILE', 'x.xml', 2),
    ('FASTDDS_BUILTIN_TRANSPORTS', 'LARGE_DATA', 2), ('FASTDDS_BUILTIN_TRANSPORTS', 'DEFAULT', 1),
    ('CYCLONEDDS_URI', 'x.xml', 1)])
def test_only_a_transport_that_was_chosen_takes_two_messages(
        name: str, value: str, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for each in ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE',
                 'FASTDDS_BUILTIN_TRANSPORTS'):
        monkeypatch.delenv(each, raising=False)
    assert messages_in_flight() == 1
    monkeypatch.setenv(name, value)
    assert messages_in_flight() == number

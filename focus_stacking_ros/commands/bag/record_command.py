# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The command ``record``: a sweep as it is published, for ``bag`` to fuse."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from focus_stacking_ros.commands.bag.recording import RecordingError
from focus_stacking_ros.commands.bag.writer import McapFile
from focus_stacking_ros.ros.messages.strict_json import strict_json
from focus_stacking_ros.ros.stacker.focus_sources import create_source
from focus_stacking_ros.ros.stacker.options import FOCUS_SOURCES, NodeOptions

__all__ = ['add_parser']

#: What poses are on: played to a stacking node, as `bag` looks none up.
_OF_POSES = {'/tf': 'tf2_msgs/msg/TFMessage', '/tf_static': 'tf2_msgs/msg/TFMessage'}


def add_parser(commands: Any) -> None:
    """Add the subcommand to the parser's subcommands."""
    parser = commands.add_parser(
        'record', help='record a sweep',
        description='Record images, camera infos and what tells the focus position, of any source '
        'of the stacking node, with tags or without, into an MCAP file that `bag` fuses and '
        '`ros2 bag play` plays. It ends by Ctrl-C, or after --count images; takes ROS 2.')
    parser.set_defaults(run=_run)
    parser.add_argument('file', type=Path, metavar='FILE', help='the MCAP file; must not exist')
    parser.add_argument('--focus-source', default='point', choices=FOCUS_SOURCES,
                        help='what tells the focus position, as the parameter focus.source')
    parser.add_argument('--image', default='', metavar='TOPIC',
                        help='images, raw or compressed (default: the topic that its type leaves)')
    parser.add_argument('--focus', default='', metavar='TOPIC',
                        help='focus positions (default: the topic that its type leaves)')
    parser.add_argument('--camera-info', default='', metavar='TOPIC',
                        help='camera infos (default: those beside the images)')
    parser.add_argument('--count', type=int, default=0, metavar='IMAGES',
                        help='images after which it ends, when all is quiet for a second '
                        '(default: only Ctrl-C does)')
    parser.add_argument('--wait', type=float, default=10.0, metavar='SECONDS',
                        help='how long the topics may take to appear (default: 10)')


def _run(parsed: argparse.Namespace) -> None:
    if parsed.count < 0 or not parsed.wait > 0:
        raise RecordingError(f'--count {parsed.count} --wait {parsed.wait:g}: it takes a number '
                             'of images, and some time')
    source = create_source(NodeOptions(focus_source=parsed.focus_source), lambda *_: None,
                           lambda *_: None, lambda: 0)
    wanted = {name: kind for name, (kind, _) in source.topics.items()}
    file = McapFile(parsed.file, 'record')
    try:
        from focus_stacking_ros.commands.bag.recorder import recorded
    except ImportError as error:
        raise RecordingError(f'record takes ROS 2: {error}; source ROS 2') from error
    found = recorded(file, wanted, _OF_POSES if parsed.focus_source == 'tf' else {},
                     image=parsed.image, focus=parsed.focus, camera_info=parsed.camera_info,
                     count=parsed.count, wait_seconds=parsed.wait)
    print(strict_json({'file': str(parsed.file), 'messages': found}))

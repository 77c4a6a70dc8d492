# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The command ``bag``: every stack of a recording, as the stacking node would have fused it."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import focus_stacking_ros.backends  # noqa: F401 - registers what may be chosen
from focus_stacking_ros.commands.bag.choice import chosen_topics
from focus_stacking_ros.commands.bag.feed import Feed
from focus_stacking_ros.commands.bag.recording import open_recording, RecordingError
from focus_stacking_ros.commands.bag.result_recording import ResultRecording
from focus_stacking_ros.commands.batch.mark import mark_recording, marked_files
from focus_stacking_ros.commands.errors import CommandError
from focus_stacking_ros.commands.output_folder import check_folder
from focus_stacking_ros.commands.result_files import write_result
from focus_stacking_ros.commands.stack import (
    add_option_flags,
    flag_word,
    option_reader,
    options_from,
)
from focus_stacking_ros.commands.terminal import end_with_input, say, show_progress
from focus_stacking_ros.commands.thumbnails import Thumbnail
from focus_stacking_ros.core.memory import share_one_heap
from focus_stacking_ros.core.option import OptionError, OptionSpecification, specifications
from focus_stacking_ros.core.stack.backend import BackendError, create_backend
from focus_stacking_ros.ros.messages.strict_json import strict_json
from focus_stacking_ros.ros.stacker.delivery import Delivery
from focus_stacking_ros.ros.stacker.options import NodeOptions

__all__ = ['add_node_flags', 'add_parser', 'given_node_flags']

#: Options of the node that a recording has no use for.
_LIVE_ONLY = ('autostart', 'input_transport', 'input_reliability', 'motion_fixed_frame',
              'motion_max_metres', 'motion_wait', 'output_reliability', 'output_durability')


def add_parser(commands: Any) -> None:
    """Add the subcommand to the parser's subcommands."""
    parser = commands.add_parser(
        'bag', help='fuse the stacks of a recording',
        description='Read a recording of rosbag2 (sqlite3 or MCAP) and fuse every focal stack in '
        'it, with the results of a stacking node with the same options: a folder for each, '
        'stack_000 and so on, with the files of `stack`.')
    parser.set_defaults(run=_run)
    parser.add_argument('recording', type=Path, metavar='RECORDING',
                        help='folder as rosbag2 makes it, or one .mcap or .db3 file')
    parser.add_argument('--output', required=True, type=Path, metavar='DIR',
                        help='folder for the results; made if it does not exist')
    parser.add_argument('--mcap', type=Path, metavar='FILE',
                        help='write the results as messages with their stamps, too; takes ROS 2')
    parser.add_argument('--image', default='', metavar='TOPIC',
                        help='images (default: the topic that its type leaves)')
    parser.add_argument('--focus', default='', metavar='TOPIC',
                        help='focus positions (default: the topic that its type leaves)')
    parser.add_argument('--camera-info', default='', metavar='TOPIC',
                        help='camera infos (default: those beside the images)')
    parser.add_argument('--mark', help=argparse.SUPPRESS)  # by batch, see commands.batch.mark
    add_option_flags(parser)
    add_node_flags(parser)


def add_node_flags(parser: argparse.ArgumentParser, without: Collection[str] = ()) -> None:
    """Add a flag for every field of NodeOptions that a recording has a use for."""
    group = parser.add_argument_group('options of the stacking node')
    for item in _node_items():
        if item.attribute not in without:
            words = f'{item.meaning} ({item.range_text}; default: {item.default!r})'
            group.add_argument(item.flag, dest=f'node_{item.attribute}', type=option_reader(item),
                               default=item.default, metavar='VALUE',
                               help=words.replace('%', '%%'))


def given_node_flags(parsed: argparse.Namespace) -> list[str]:
    """Return the flags of `add_node_flags` that were given, for another process."""
    flags: list[str] = []
    for item in _node_items():
        value = getattr(parsed, f'node_{item.attribute}', item.default)
        if value != item.default:
            flags += [item.flag, flag_word(value)]
    return flags


def _node_items() -> list[OptionSpecification]:
    return [item for item in specifications(NodeOptions) if item.attribute not in _LIVE_ONLY]


def _run(parsed: argparse.Namespace) -> None:
    share_one_heap()
    if parsed.mark:
        end_with_input()
    check_folder(parsed.output)
    try:
        node_options = NodeOptions(**{
            item.attribute: getattr(parsed, f'node_{item.attribute}') for item in _node_items()})
        backend = create_backend(node_options.backend)
    except (BackendError, OptionError) as error:
        raise CommandError(str(error)) from error
    recording = open_recording(parsed.recording)
    with ExitStack() as after:
        messages = None if parsed.mcap is None else after.enter_context(
            ResultRecording(parsed.mcap))

        folders: list[Path] = []

        def delivered(delivery: Delivery, thumbnails: list[Thumbnail], camera_info: Any) -> None:
            folder = parsed.output / f'stack_{feed.results - 1:03d}'
            pages = marked_files(delivery.result, parsed.mark) if parsed.mark else {}
            write_result(folder, delivery.result, delivery.report, thumbnails, pages=pages)
            folders.append(folder)
            if messages is not None:
                messages.write(delivery, camera_info)
            show_progress(f'{folder} is written\n')

        feed = Feed(options_from(parsed), node_options, backend, delivered, say)
        chosen = chosen_topics(
            recording.topics, {name: kind for name, (kind, _) in feed.source.topics.items()},
            image=parsed.image, camera_info=parsed.camera_info, focus=parsed.focus)
        show_progress(f'reading {chosen.image}, {", ".join(chosen.focus.values())} ')
        feed.run(recording, chosen)
    for problem in recording.problems:
        say(problem)
    if not feed.results:
        raise RecordingError(f'{parsed.recording}: no stack in it has a result')
    if parsed.mark:
        mark_recording(parsed.output, parsed.mark, folders, [
            *recording.problems, *([f'{feed.failures} stacks have no result'] if feed.failures
                                   else [])])
    print(strict_json({'recording': str(parsed.recording), 'results': feed.results,
                       'failures': feed.failures, 'refused': {
                           kind.code: count for kind, count in feed.refusals.items()},
                       'problems': recording.problems}))

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Slices with whatever their messages can say: each is taken or refused, and a stack ends.

The same examples in every run; no exception comes out, and no warning of NumPy.
"""

from __future__ import annotations

from collections import Counter
import json
import math
from typing import Any
import warnings

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from focus_stacking_ros.core.optics.camera_pose import CameraPose
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.stack.backend import create_backend
from focus_stacking_ros.ros.messages.camera_info import CameraInfoHistory
from focus_stacking_ros.ros.messages.images import array_to_image
from focus_stacking_ros.ros.stacker.delivery import Delivery
from focus_stacking_ros.ros.stacker.focus_sources.diagnostics import DiagnosticsSource
from focus_stacking_ros.ros.stacker.focus_sources.joint_state import JointStateSource
from focus_stacking_ros.ros.stacker.message_stacker import MessageStacker
from focus_stacking_ros.ros.stacker.options import NodeOptions
from focus_stacking_ros.ros.stacker.output_messages import build_outputs
from focus_stacking_ros.ros.stacker.pairing import Pair, StampPairing
from focus_stacking_ros.ros.stacker.time_jumps import TimeJumps
from helpers.cell import focal_stack
import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Header

hypothesis = pytest.importorskip('hypothesis', reason='hypothesis (test_depend) is missing')
given, st = hypothesis.given, pytest.importorskip('hypothesis.strategies')

pytestmark = pytest.mark.ros

MANY = hypothesis.settings(max_examples=300, derandomize=True, database=None, deadline=None)
FEW = hypothesis.settings(MANY, max_examples=40)  # each is a whole stack
SIZE = (24, 20)
STACK = [image for image, _ in focal_stack(4, SIZE)]
FLOATS = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from(
    [math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, 1e-300, 1e300, -1.0])
POSITIONS = st.sampled_from([0.1, 0.102, 0.104, 0.106, 100.0, 102.0]) | FLOATS
STAMPS = st.tuples(st.integers(-2**31, 2**31 - 1), st.integers(0, 2**32 - 1)) | st.tuples(
    st.integers(0, 4), st.just(0))
UNITS = ['metres', 'millimetres', 'dioptres', 'raw']
ENDS = ['count', 'reversal', 'service']


class _Listener:
    """Builds the outputs of each result, as the node does."""

    def __init__(self, infos: CameraInfoHistory) -> None:
        self._infos, self.told = infos, Counter()

    def delivered(self, delivery: Delivery) -> None:
        self.told['delivered'] += 1
        height, width = delivery.result.depth_m.shape
        info = self._infos.find(delivery.reference_stamp, width, height)
        messages = {name: build() for name, build in build_outputs(
            delivery, info, delivery.options, lambda _words: None).items()}
        json.loads(messages['report'].data)

    def refused(self, code: str, reason: str) -> None:
        assert code
        assert reason
        self.told['refused'] += 1

    def failed(self, reason: str) -> None:
        assert reason
        assert 'could not' not in reason
        self.told['failed'] += 1

    def progressed(self, progress: Any) -> None:
        pass

    def incomplete(self, reason: str) -> None:
        assert reason


@st.composite
def slices(draw) -> tuple[Pair[Any], CameraInfo | None]:
    """Return slices of a stack, most of them with something wrong, and their camera infos."""
    stamp = draw(STAMPS)
    header = Header(frame_id='camera')
    header.stamp.sec, header.stamp.nanosec = stamp
    image = array_to_image(draw(st.sampled_from(STACK)), header, 'bgr8')
    if draw(st.integers(0, 3)) == 0:
        image = Image(header=header, encoding=draw(st.sampled_from(['mono8', 'nv12', '?', ''])),
                      width=draw(st.integers(0, 30)), height=draw(st.integers(0, 30)),
                      step=draw(st.integers(0, 60)))
        image.data.frombytes(bytes(draw(st.integers(0, 1200))))
    pose = None
    if draw(st.booleans()):
        pose = CameraPose(np.array([draw(st.floats(-1e12, 1e12)), 0.0, 0.0]),
                          np.array([0.0, 0.0, 1.0]))
    info = None
    if draw(st.booleans()):
        info = CameraInfo(header=header, width=SIZE[0], height=SIZE[1])
        for values in (info.k, info.p):
            values[0] = values[4 if values is info.k else 5] = draw(FLOATS | st.just(900.0))
        info.d = draw(st.lists(FLOATS, max_size=8))
    return Pair(stamp, image, draw(POSITIONS), pose, draw(st.sampled_from([0, 0, 0, 1]))), info


@FEW
@given(sent=st.lists(slices(), min_size=1, max_size=7), unit=st.sampled_from(UNITS),
       end=st.sampled_from(ENDS), method=st.sampled_from(['default', 'streaming', 'notebook']),
       known=st.sampled_from(['estimated', 'known']), slope=st.sampled_from([0.0, -0.5]),
       moves=st.booleans(), offset=st.sampled_from([0.0, -0.1]))
def test_a_stack_of_anything_ends(sent, unit, end, method, known, slope, moves, offset) -> None:
    infos = CameraInfoHistory(20)
    listener = _Listener(infos)
    stacker = MessageStacker(
        StackOptions(method=method, alignment_magnification=known,
                     alignment_magnification_per_dioptre=slope),
        NodeOptions(focus_unit=unit, stack_end=end, stack_size=4, focus_offset_metres=offset,
                    focus_source='tf' if moves else 'point', motion_fixed_frame='base'),
        create_backend('opencv'), listener)
    stacker.use_camera_infos(infos)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        for pair, info in sent:
            if info is not None:
                infos.add(info)
            stacker.add(pair)
        stacker.finish()
    assert len(stacker) == 0
    taken = stacker.counters['slices'] + listener.told['refused']
    assert taken == len(sent)


@MANY
@given(events=st.lists(st.tuples(st.booleans(), STAMPS), max_size=30))
def test_stamps_of_any_kind_are_paired_once(events) -> None:
    pairing, jumps, pairs = StampPairing(4), TimeJumps(), []
    for is_image, stamp in events:
        if jumps.stamped('image' if is_image else 'tag', stamp):
            pairing.clear()
            pairs.clear()
        pair = pairing.add_image(stamp, 'image') if is_image else pairing.add_tag(stamp, 0.1)
        pairs += [pair.stamp] if pair else []
        jumps.clock(stamp[0] * 10**9)
    # Two depths of them are remembered.
    assert all(stamp not in pairs[max(0, place - 8):place] for place, stamp in enumerate(pairs))


@MANY
@given(events=st.lists(st.tuples(st.booleans(), STAMPS, FLOATS, st.integers(0, 2)), max_size=20))
def test_joint_states_of_any_kind_give_positions_or_warnings(events) -> None:
    tags, words = [], []
    source = JointStateSource('focus', 0.2, 5, lambda *tag: tags.append(tag),
                              lambda *said: words.append(said))
    _, take = source.topics['joint_states']
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        for is_image, stamp, position, length in events:
            if is_image:
                source.image_came(stamp)
                continue
            message = JointState(name=['focus', 'other'][:length], position=[position])
            message.header.stamp.sec, message.header.stamp.nanosec = stamp
            take(message)
    assert all(isinstance(position, float) for _, position in tags)


@MANY
@given(value=st.text(max_size=8) | st.sampled_from(['nan', 'inf', '1e999', '1_0', ' 0.5 ']),
       key=st.sampled_from(['LensPosition', '', 'other']), stamp=STAMPS)
def test_diagnostics_of_any_kind_give_a_position_or_a_warning(value, key, stamp) -> None:
    tags, words = [], []
    source = DiagnosticsSource('LensPosition', '', lambda *tag: tags.append(tag),
                               lambda *said: words.append(said))
    message = DiagnosticArray(status=[DiagnosticStatus(values=[KeyValue(key=key, value=value)])])
    message.header.stamp.sec, message.header.stamp.nanosec = stamp
    source.topics['/diagnostics'][1](message)
    assert len(tags) + len(words) == (key == 'LensPosition')

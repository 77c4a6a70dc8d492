# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the camera infos that are kept and found again by their stamps."""

from __future__ import annotations

from collections.abc import Callable
import threading

from focus_stacking_ros.core.region import Region
from focus_stacking_ros.core.slices import FocalLength
from focus_stacking_ros.ros.messages.camera_info import CameraInfoHistory, with_header, with_region
import pytest
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

pytestmark = pytest.mark.ros


def camera_info(seconds: int, width: int = 640, height: int = 480, focal_length: float = 0.0
                ) -> CameraInfo:
    info = CameraInfo(header=Header(frame_id='camera'), width=width, height=height)
    info.header.stamp.sec, info.header.stamp.nanosec = seconds, 5
    info.k[0] = focal_length
    return info


def found(history: CameraInfoHistory, seconds: int) -> int | None:
    """Return the stamp of what is found for an image of 640x480 pixels, seconds."""
    info = history.find((seconds, 5), 640, 480)
    return None if info is None else info.header.stamp.sec


def test_the_camera_info_of_an_image_is_the_one_with_its_stamp() -> None:
    history = CameraInfoHistory(10)
    for seconds in (3, 1, 2):
        history.add(camera_info(seconds))
    assert [found(history, seconds) for seconds in (1, 2, 3)] == [1, 2, 3]


def test_without_one_of_that_stamp_it_is_the_latest_that_came() -> None:
    history = CameraInfoHistory(10)
    for seconds in (3, 1, 2):
        history.add(camera_info(seconds))
    assert found(history, 99) == 2
    assert history.find((3, 6), 640, 480).header.stamp.sec == 2  # nanoseconds count


def test_none_where_there_is_none() -> None:
    assert found(CameraInfoHistory(10), 1) is None


def test_one_of_another_size_does_not_fit_an_image() -> None:
    history = CameraInfoHistory(10)
    history.add(camera_info(1))
    history.add(camera_info(2, width=320))
    history.add(camera_info(3, height=240))
    # Neither as the latest, nor with the image's own stamp.
    assert [found(history, seconds) for seconds in (99, 2, 3)] == [1, 1, 1]
    assert history.find((1, 5), 640, 240).header.stamp.sec == 3
    assert history.find((1, 5), 480, 640) is None


def test_only_the_latest_are_kept() -> None:
    history = CameraInfoHistory(3)
    for seconds in range(10):
        history.add(camera_info(seconds))
    assert [found(history, seconds) for seconds in range(10)] == [9] * 7 + [7, 8, 9]


def test_a_repeated_stamp_replaces_the_earlier_one() -> None:
    history = CameraInfoHistory(3)
    for seconds, focal_length in ((1, 500.0), (2, 500.0), (2, 600.0), (2, 700.0)):
        history.add(camera_info(seconds, focal_length=focal_length))
    assert history.find((2, 5), 640, 480).k[0] == 700.0
    assert found(history, 1) == 1  # it was not pushed out


def test_a_repeated_stamp_is_the_latest_again() -> None:
    history = CameraInfoHistory(2)
    for seconds in (1, 2, 1):
        history.add(camera_info(seconds))
    assert found(history, 99) == 1
    history.add(camera_info(3))  # which pushes the oldest out
    assert found(history, 1) == 1


def test_a_camera_info_gets_another_header_in_a_copy() -> None:
    info = camera_info(1, focal_length=500.0)
    info.d = [0.1, 0.2]
    header = Header(frame_id='elsewhere')
    result = with_header(info, header)
    assert result.header == header
    assert info == with_header(result, info.header)  # all the rest is the same
    result.k[0], result.d[0] = 1.0, 1.0
    assert (info.header.frame_id, info.k[0], info.d[0]) == ('camera', 500.0, 0.1)


def test_several_threads_may_use_it() -> None:
    history = CameraInfoHistory(4)
    errors: list[Exception] = []

    def repeatedly(action: Callable[[int], object]) -> None:
        try:
            for number in range(3000):
                action(number)
        except Exception as error:
            errors.append(error)

    infos = [camera_info(seconds) for seconds in range(50)]
    threads = [threading.Thread(target=repeatedly, args=(action,)) for action in (
        lambda number: history.add(infos[number % 50]),
        lambda number: history.find((number % 50, 5), 640, 480))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert found(history, 49) == 49


def test_a_camera_that_bins_or_cuts_out_a_region_has_a_camera_info_of_the_sensor() -> None:
    history = CameraInfoHistory(10)
    whole, binned, region, both = (camera_info(n, 1280, 960) for n in (1, 2, 3, 4))
    binned.binning_x = binned.binning_y = 2
    region.roi.width, region.roi.height = 640, 480
    both.roi.width, both.roi.height, both.binning_x, both.binning_y = 640, 960, 1, 2
    for info in (whole, binned, region, both):
        history.add(info)
    assert [found(history, seconds) for seconds in (1, 2, 3, 4)] == [4, 2, 3, 4]
    assert history.find((1, 5), 1280, 960) is whole


def focal_length(info: CameraInfo, *, seconds: int = 1, width: int = 640,
                 rectified: bool = False) -> FocalLength | None:
    """Return the focal length of an image, where only this camera info has come."""
    history = CameraInfoHistory(10)
    history.add(info)
    return history.focal_length((seconds, 5), width, 480, rectified=rectified)


def test_a_slice_has_the_focal_length_of_its_own_camera_info() -> None:
    history = CameraInfoHistory(10)
    lengths = [1000.0, 1000.0, 1020.5]  # whether they say anything is for the whole stack to tell
    for seconds, length in enumerate(lengths):
        history.add(camera_info(seconds, focal_length=length))
    assert [history.focal_length((seconds, 5), 640, 480, rectified=False)
            for seconds in range(4)] == [*map(FocalLength, lengths), None]


@pytest.mark.parametrize('unknown', [0.0, -1.0, float('nan'), float('inf')])
def test_a_camera_that_is_not_calibrated_has_no_focal_length(unknown) -> None:
    assert focal_length(camera_info(1, focal_length=unknown)) is None


def test_the_camera_info_of_another_image_says_nothing() -> None:
    info = camera_info(1, focal_length=1000.0)
    assert focal_length(info) == FocalLength(1000.0)
    assert focal_length(info, seconds=2) is None
    assert focal_length(info, width=320) is None


def test_a_rectified_image_has_the_focal_length_of_its_projection() -> None:
    info = camera_info(1, focal_length=1000.0)
    info.p[0] = 950.0
    assert focal_length(info, rectified=True) == FocalLength(950.0)


def test_the_focal_length_is_in_pixels_of_the_image() -> None:
    info = camera_info(1, 1280, 960, focal_length=1000.0)
    info.binning_x = info.binning_y = 2
    assert focal_length(info) == FocalLength(500.0)


def test_a_region_is_in_pixels_of_the_sensor_and_changes_nothing_else() -> None:
    info = camera_info(1, focal_length=500.0)
    part = with_region(info, Region(20, 10, 100, 60))
    assert (part.roi.x_offset, part.roi.y_offset, part.roi.width, part.roi.height) == (
        20, 10, 100, 60)
    assert (part.width, part.height, part.k[0]) == (640, 480, 500.0)
    assert info.roi.width == 0
    history = CameraInfoHistory(2)
    history.add(part)
    assert history.find((1, 5), 100, 60) is part


def test_a_region_of_a_binned_region_of_the_sensor() -> None:
    info = camera_info(1)
    info.binning_x, info.binning_y = 2, 4
    info.roi.x_offset, info.roi.y_offset, info.roi.width, info.roi.height = 40, 80, 400, 320
    roi = with_region(info, Region(10, 20, 50, 30)).roi
    assert (roi.x_offset, roi.y_offset, roi.width, roi.height) == (60, 160, 100, 120)

# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Tests of sensor_msgs images to arrays and back.

The payloads are built by the definitions of sensor_msgs/image_encodings.hpp with NumPy alone, so
that a wrong colour order or Bayer phase cannot hide on both sides.
"""

from __future__ import annotations

import struct
import sys
import tracemalloc
import types

import cv2
from focus_stacking_ros.ros.messages.images import (
    array_encoding,
    array_to_image,
    compressed_to_array,
    depth_to_image,
    image_to_array,
    ImageError,
    output_encoding,
)
import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

pytestmark = pytest.mark.ros

BIG = sys.byteorder == 'big'
#: Where red, green, blue and alpha lie in a pixel.
COLOUR_ORDERS = {'bgr': 'bgr', 'rgb': 'rgb', 'bgra': 'bgra', 'rgba': 'rgba'}
COLOURS = [f'{name}{bits}' for name in COLOUR_ORDERS for bits in (8, 16)]
GREYS = ['mono8', '8UC1', 'mono16', '16UC1']
PLAIN = [*GREYS, 'bgr8', '8UC3', 'bgr16', '16UC3', '32FC1']
BAYER = [f'bayer_{pattern}{bits}' for pattern in ('rggb', 'bggr', 'gbrg', 'grbg')
         for bits in (8, 16)]
UYVY = ['yuv422', 'uyvy']
YUYV = ['yuv422_yuy2', 'yuyv']
ACCEPTED = [*PLAIN, *(name for name in COLOURS if name not in PLAIN), *BAYER, *UYVY, *YUYV]


def dtype_of(encoding: str) -> np.dtype:
    if encoding == '32FC1':
        return np.dtype(np.float32)
    return np.dtype(np.uint16 if '16' in encoding else np.uint8)


def channels_of(encoding: str) -> int:
    if encoding in (*UYVY, *YUYV):
        return 2
    if encoding in ('8UC3', '16UC3'):
        return 3
    name = encoding.rstrip('0123456789')
    return len(COLOUR_ORDERS[name]) if name in COLOUR_ORDERS else 1


def noise(encoding: str, height: int = 5, width: int = 8, seed: int = 0) -> np.ndarray:
    """Return any payload of an encoding: (height, width, channels)."""
    generator = np.random.default_rng(seed)
    shape = (height, width, channels_of(encoding))
    if encoding == '32FC1':
        return generator.normal(size=shape).astype(np.float32)
    dtype = dtype_of(encoding)
    return generator.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def message_of(payload: np.ndarray, encoding: str, *, padding: int = 0, big_endian: bool = BIG,
               last_row_padded: bool = True) -> Image:
    """Return a message with the bytes of a (height, width, channels) payload."""
    height, width, _ = payload.shape
    wire = payload.astype(payload.dtype.newbyteorder('>' if big_endian else '<'))
    rows = [row.tobytes() + b'\xa5' * padding for row in wire]
    if not last_row_padded:
        rows[-1] = rows[-1][:len(rows[-1]) - padding]
    return Image(height=height, width=width, encoding=encoding, is_bigendian=int(big_endian),
                 step=len(rows[0]), data=b''.join(rows))


def payload_of(message: Image) -> np.ndarray:
    """Return the bytes of an unpadded message of ours as (height, width, channels)."""
    assert bool(message.is_bigendian) == BIG
    shape = (message.height, message.width, channels_of(message.encoding))
    payload = np.frombuffer(bytes(message.data), dtype_of(message.encoding))
    assert message.step == shape[1] * shape[2] * payload.itemsize
    return payload.reshape(shape)


def coloured(bgr: np.ndarray, encoding: str) -> np.ndarray:
    """Return the payload in which a (height, width, 3) blue-green-red image is sent."""
    planes = dict(zip('bgr', np.moveaxis(bgr, 2, 0), strict=True))
    planes['a'] = np.full(bgr.shape[:2], 77, bgr.dtype)
    return np.stack([planes[letter] for letter in COLOUR_ORDERS[
        encoding.rstrip('0123456789')]], axis=2)


def mosaic(bgr: np.ndarray, encoding: str) -> np.ndarray:
    """Return what a sensor sees behind a Bayer filter, whose name gives its first two rows."""
    pattern = encoding[len('bayer_'):len('bayer_') + 4]
    payload = np.empty((*bgr.shape[:2], 1), bgr.dtype)
    for place, letter in enumerate(pattern):
        row, column = divmod(place, 2)
        payload[row::2, column::2, 0] = bgr[row::2, column::2, 'bgr'.index(letter)]
    return payload


def from_yuv(luma: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return blue-green-red of ITU-R BT.601 with studio range, from its definition."""
    red_weight, blue_weight = 0.299, 0.114
    y = (luma.astype(float) - 16) / 219
    cb, cr = (u.astype(float) - 128) / 224, (v.astype(float) - 128) / 224
    red, blue = y + 2 * (1 - red_weight) * cr, y + 2 * (1 - blue_weight) * cb
    green = (y - red_weight * red - blue_weight * blue) / (1 - red_weight - blue_weight)
    return np.clip(np.stack([blue, green, red], axis=-1) * 255, 0, 255)


@pytest.mark.parametrize('encoding', PLAIN)
def test_what_needs_no_conversion_is_a_read_only_view_of_the_message(encoding) -> None:
    payload = noise(encoding)
    message = message_of(payload, encoding)
    pixels = image_to_array(message)
    np.testing.assert_array_equal(pixels, payload[..., 0] if payload.shape[2] == 1 else payload)
    assert pixels.dtype == dtype_of(encoding)
    assert np.shares_memory(pixels, np.frombuffer(message.data, np.uint8))
    assert not pixels.flags.writeable


def test_the_view_keeps_the_data_alive_that_the_message_lets_go() -> None:
    payload = noise('mono8', 50, 80)
    message = message_of(payload, 'mono8')
    pixels = image_to_array(message)
    message.data = bytes(payload.size)
    del message
    np.testing.assert_array_equal(pixels, payload[..., 0])


@pytest.mark.parametrize('encoding', COLOURS)
def test_colours_come_out_as_blue_green_red(encoding) -> None:
    bgr = noise('bgr16' if '16' in encoding else 'bgr8')
    pixels = image_to_array(message_of(coloured(bgr, encoding), encoding))
    np.testing.assert_array_equal(pixels, bgr)
    assert pixels.dtype == bgr.dtype


@pytest.mark.parametrize('encoding', ['rgb8', 'rgb16'])
def test_red_first_is_looked_at_from_behind_and_sent_back_without_a_conversion(encoding) -> None:
    payload = noise(encoding)
    message = message_of(payload, encoding, padding=8)
    pixels = image_to_array(message)
    assert np.shares_memory(pixels, np.frombuffer(message.data, np.uint8))
    assert not pixels.flags.writeable
    back = array_to_image(pixels, Header(), encoding)
    np.testing.assert_array_equal(payload_of(back), payload)


@pytest.mark.parametrize('encoding', BAYER)
@pytest.mark.parametrize('size', [(2, 6), (6, 2), (1, 1)])
def test_a_bayer_image_of_which_nothing_can_be_interpolated_is_refused(size, encoding) -> None:
    with pytest.raises(ImageError, match='takes 3 along each side') as caught:
        image_to_array(message_of(noise(encoding, *size), encoding))
    assert caught.value.code == 'payload'


@pytest.mark.parametrize('encoding', BAYER)
def test_a_bayer_pattern_gives_back_the_colours_behind_the_filter(encoding) -> None:
    # Bilinear interpolation is exact on ramps, away from the border.
    rows, columns = np.mgrid[:12, :16]
    scale = 257 if '16' in encoding else 1
    truth = scale * np.stack([20 + 4 * rows, 200 - 6 * columns, 90 + 2 * rows + 4 * columns], 2)
    truth = truth.astype(dtype_of(encoding))
    pixels = image_to_array(message_of(mosaic(truth, encoding), encoding))
    assert (pixels.shape, pixels.dtype) == (truth.shape, truth.dtype)
    np.testing.assert_allclose(pixels[2:-2, 2:-2].astype(int), truth[2:-2, 2:-2].astype(int),
                               atol=1)


@pytest.mark.parametrize('encoding', [*UYVY, *YUYV])
def test_yuv_422_is_converted_as_itu_r_bt_601_says(encoding) -> None:
    generator = np.random.default_rng(3)
    luma = generator.integers(16, 236, (6, 10), np.uint8)
    u, v = generator.integers(16, 241, (2, 6, 5), np.uint8)
    payload = np.empty((6, 10, 2), np.uint8)
    first = 0 if encoding in YUYV else 1  # byte of the luma
    payload[..., first] = luma
    payload[:, ::2, 1 - first], payload[:, 1::2, 1 - first] = u, v
    truth = from_yuv(luma, np.repeat(u, 2, axis=1), np.repeat(v, 2, axis=1))
    pixels = image_to_array(message_of(payload, encoding))
    assert (pixels.shape, pixels.dtype) == ((6, 10, 3), np.uint8)
    np.testing.assert_allclose(pixels, truth, atol=2)


@pytest.mark.parametrize('encoding', [*UYVY, *YUYV])
def test_yuv_422_of_odd_width_is_refused(encoding) -> None:
    with pytest.raises(ImageError, match='even width') as caught:
        image_to_array(message_of(noise(encoding, 4, 7), encoding))
    assert caught.value.code == 'payload'


@pytest.mark.parametrize('padding', [1, 6, 7, 4096])
@pytest.mark.parametrize('last_row_padded', [True, False])
@pytest.mark.parametrize('encoding', ACCEPTED)
def test_padding_at_the_end_of_rows_is_no_part_of_the_image(encoding, padding,
                                                            last_row_padded) -> None:
    payload = noise(encoding)
    np.testing.assert_array_equal(
        image_to_array(message_of(payload, encoding, padding=padding,
                                  last_row_padded=last_row_padded)),
        image_to_array(message_of(payload, encoding)))


@pytest.mark.parametrize('encoding', PLAIN)
def test_padding_of_whole_pixels_is_no_reason_to_copy(encoding) -> None:
    payload = noise(encoding)
    message = message_of(payload, encoding, padding=payload[0, 0].nbytes)
    assert np.shares_memory(image_to_array(message), np.frombuffer(message.data, np.uint8))


@pytest.mark.parametrize('padding', [0, 3])
@pytest.mark.parametrize('encoding', ACCEPTED)
def test_either_byte_order_gives_the_same_image(encoding, padding) -> None:
    payload = noise(encoding)
    little, big = (image_to_array(message_of(payload, encoding, padding=padding, big_endian=big))
                   for big in (False, True))
    np.testing.assert_array_equal(little, big)
    assert little.dtype == big.dtype == dtype_of(encoding)
    assert big.dtype.isnative


def test_the_byte_order_of_single_bytes_is_no_reason_to_copy() -> None:
    message = message_of(noise('bgr8'), 'bgr8', big_endian=not BIG)
    assert np.shares_memory(image_to_array(message), np.frombuffer(message.data, np.uint8))


@pytest.mark.parametrize('encoding', ACCEPTED)
@pytest.mark.parametrize('missing', [1, 2, 1000])
def test_a_payload_shorter_than_its_header_is_refused(encoding, missing) -> None:
    message = message_of(noise(encoding, 4, 6), encoding, padding=8, last_row_padded=False)
    size = len(message.data)
    message.data = message.data[:-missing] if missing < size else b''
    with pytest.raises(ImageError, match=f'{len(message.data)} bytes.* {size}$') as caught:
        image_to_array(message)
    assert caught.value.code == 'payload'


@pytest.mark.parametrize('encoding', ACCEPTED)
@pytest.mark.parametrize('change', [
    {'width': 0}, {'height': 0}, {'width': 0, 'height': 0}, {'step': 0}, {'step': 1},
    {'width': 2**32 - 2}, {'height': 2**32 - 1}, {'step': 2**32 - 1},
    {'width': 2**31, 'step': 2**32 - 1}, {'height': 2**32 - 1, 'step': 2**32 - 1},
    {'width': 10**6, 'height': 10**6, 'step': 0}], ids=str)
def test_an_absurd_size_or_step_is_refused(encoding, change) -> None:
    message = message_of(noise(encoding, 4, 6), encoding)
    for name, value in change.items():
        setattr(message, name, value)
    with pytest.raises(ImageError) as caught:
        image_to_array(message)
    assert caught.value.code == 'payload'


def test_one_row_may_have_any_step() -> None:
    payload = noise('mono16', 1, 6)
    message = message_of(payload, 'mono16')
    message.step = 2**32 - 2
    np.testing.assert_array_equal(image_to_array(message), payload[..., 0])


def test_an_unknown_encoding_is_refused_with_the_way_out(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, 'cv_bridge', None)  # as where it is not installed
    message = message_of(noise('mono8'), 'mono8')
    message.encoding = 'yuv444'
    with pytest.raises(ImageError, match=r"'yuv444' is none of .*nv12.*cv-bridge") as caught:
        image_to_array(message)
    assert caught.value.code == 'encoding'


def stand_in_for_cv_bridge(monkeypatch, convert) -> None:
    """Put a module in the place of cv_bridge whose bridges convert by a function."""
    module = types.ModuleType('cv_bridge')
    module.CvBridge = type('CvBridge', (), {
        'imgmsg_to_cv2': lambda _bridge, message, desired: convert(message, desired)})
    monkeypatch.setitem(sys.modules, 'cv_bridge', module)


def test_an_unknown_encoding_is_left_to_cv_bridge(monkeypatch) -> None:
    asked = []
    truth = noise('bgr8')

    def convert(message, desired):
        asked.append((message.encoding, desired))
        return truth

    stand_in_for_cv_bridge(monkeypatch, convert)
    message = message_of(noise('mono8'), 'mono8')
    image_to_array(message)
    assert asked == []  # it is not asked for what we know
    message.encoding = 'nv99'
    np.testing.assert_array_equal(image_to_array(message), truth)
    assert asked == [('nv99', output_encoding('nv99'))]


def test_what_cv_bridge_cannot_convert_is_refused_with_its_reason(monkeypatch) -> None:
    def convert(message, desired):
        raise RuntimeError('[nv99] is no colour format')

    stand_in_for_cv_bridge(monkeypatch, convert)
    message = message_of(noise('mono8'), 'mono8')
    message.encoding = 'nv99'
    with pytest.raises(ImageError, match=r'nv99.*no colour format') as caught:
        image_to_array(message)
    assert caught.value.code == 'encoding'


def test_a_cv_bridge_that_is_broken_is_refused_like_a_missing_one(monkeypatch, tmp_path) -> None:
    # As one built for another NumPy.
    (tmp_path / 'cv_bridge.py').write_text("raise AttributeError('_ARRAY_API not found')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, 'cv_bridge', raising=False)
    message = message_of(noise('mono8'), 'mono8')
    message.encoding = 'nv99'
    with pytest.raises(ImageError, match='_ARRAY_API') as caught:
        image_to_array(message)
    assert caught.value.code == 'encoding'


def encoded(pixels: np.ndarray, suffix: str) -> bytes:
    done, data = cv2.imencode(suffix, pixels)
    assert done
    return data.tobytes()


@pytest.mark.parametrize('encoding', ['mono8', 'mono16', 'bgr8', 'bgr16'])
def test_a_compressed_png_is_what_was_compressed(encoding) -> None:
    payload = noise(encoding, 20, 30)
    pixels = compressed_to_array(CompressedImage(
        format=f'{encoding}; png compressed ', data=encoded(payload, '.png')))
    np.testing.assert_array_equal(pixels, payload[..., 0] if payload.shape[2] == 1 else payload)
    assert array_encoding(pixels) == encoding


@pytest.mark.parametrize('form', ['png compressed ', 'png compressed', 'PNG'])
@pytest.mark.parametrize('encoding', BAYER)
def test_a_compressed_mosaic_is_what_it_is_uncompressed(encoding, form) -> None:
    payload = noise(encoding, 20, 30)
    pixels = compressed_to_array(CompressedImage(
        format=f'{encoding}; {form}', data=encoded(payload, '.png')))
    np.testing.assert_array_equal(pixels, image_to_array(message_of(payload, encoding)))
    assert array_encoding(pixels) == output_encoding(encoding)


def test_a_mosaic_may_lose_its_depth_to_jpeg() -> None:
    rows, columns = np.mgrid[:40, :60]
    bgr = np.stack([60 + rows, 60 + columns, 60 + (rows + columns) // 2], 2).astype(np.uint8)
    pixels = compressed_to_array(CompressedImage(
        format='bayer_grbg16; jpeg compressed ',
        data=encoded(mosaic(bgr, 'bayer_grbg8'), '.jpg')))
    np.testing.assert_allclose(pixels[2:-2, 2:-2].astype(int), bgr[2:-2, 2:-2].astype(int),
                               atol=5)


def test_colours_that_were_a_mosaic_once_stay_as_they_are() -> None:
    payload = noise('bgr8', 20, 30)
    pixels = compressed_to_array(CompressedImage(
        format='bayer_rggb8; png compressed bgr8', data=encoded(payload, '.png')))
    np.testing.assert_array_equal(pixels, payload)


def test_a_compressed_mosaic_of_an_unknown_pattern_is_refused() -> None:
    with pytest.raises(ImageError, match='none of bayer_rggb8') as caught:
        compressed_to_array(CompressedImage(format='bayer_rgbw8; png compressed',
                                            data=encoded(noise('mono8', 20, 30), '.png')))
    assert caught.value.code == 'encoding'


def test_a_compressed_jpeg_is_nearly_what_was_compressed() -> None:
    rows, columns = np.mgrid[:40, :60]
    bgr = np.stack([rows * 3, columns * 3, rows + columns], 2).astype(np.uint8)
    pixels = compressed_to_array(CompressedImage(format='jpeg', data=encoded(bgr, '.jpg')))
    np.testing.assert_allclose(pixels.astype(int), bgr.astype(int), atol=6)


@pytest.mark.parametrize('suffix', ['.png', '.jpg'])
def test_a_compressed_image_that_is_cut_short_anywhere_is_refused(suffix) -> None:
    data = encoded(noise('bgr8', 30, 40), suffix)
    for size in (0, 1, 2, 8, 20, len(data) // 3, len(data) // 2, len(data) - 13, len(data) - 1):
        with pytest.raises(ImageError, match=f"format '{suffix}'") as caught:
            compressed_to_array(CompressedImage(format=suffix, data=data[:size]))
        assert caught.value.code == 'payload', size
    assert compressed_to_array(CompressedImage(data=data)).shape == (30, 40, 3)


def test_compressed_data_that_is_no_image_is_refused() -> None:
    damaged = bytearray(encoded(noise('bgr8', 30, 40), '.png'))
    damaged[len(damaged) // 2] ^= 0x10
    size = struct.pack('>II', 2**31 - 1, 2**31 - 1)  # of a PNG's header, its checksum not
    absurd = encoded(noise('mono8'), '.png')
    for data in (b'\0' * 100, b'not an image', bytes(damaged), absurd[:16] + size + absurd[24:]):
        with pytest.raises(ImageError) as caught:
            compressed_to_array(CompressedImage(format='png', data=data))
        assert caught.value.code == 'payload'


@pytest.mark.parametrize('encoding', ACCEPTED)
def test_the_result_has_the_encoding_of_the_input_or_its_nearest_colour(encoding) -> None:
    expected = f'bgr{8 * dtype_of(encoding).itemsize}' if encoding in (
        *BAYER, *UYVY, *YUYV) else encoding
    assert output_encoding(encoding) == expected
    # And it can be sent as that.
    pixels = image_to_array(message_of(noise(encoding), encoding))
    assert array_to_image(pixels, Header(), expected).encoding == expected


@pytest.mark.parametrize('encoding', PLAIN)
def test_an_array_is_sent_as_it_is(encoding) -> None:
    payload = noise(encoding)
    pixels = payload[..., 0] if payload.shape[2] == 1 else payload
    header = Header(frame_id='camera')
    message = array_to_image(pixels, header, encoding)
    assert (message.header, message.encoding) == (header, encoding)
    expected = payload.copy()
    pixels[:] = 0  # a message does not change under way
    np.testing.assert_array_equal(payload_of(message), expected)


@pytest.mark.parametrize('encoding', COLOURS)
def test_a_blue_green_red_array_is_sent_in_the_order_of_the_encoding(encoding) -> None:
    bgr = noise('bgr16' if '16' in encoding else 'bgr8')
    payload = payload_of(array_to_image(bgr, Header(), encoding))
    expected = coloured(bgr, encoding)
    if expected.shape[2] == 4:
        expected[..., 3] = np.iinfo(bgr.dtype).max  # nothing is transparent
    np.testing.assert_array_equal(payload, expected)


@pytest.mark.parametrize('encoding', ['mono16', 'bgr8', 'rgb8', '32FC1'])
def test_any_layout_in_memory_may_be_sent(encoding) -> None:
    pixels = noise('bgr8' if encoding == 'rgb8' else encoding, 8, 12)
    pixels = pixels[..., 0] if pixels.shape[2] == 1 else pixels
    for view in (pixels[::2, ::-3], np.asfortranarray(pixels), pixels[2:6, 1:5]):
        view.flags.writeable = False
        np.testing.assert_array_equal(
            image_to_array(array_to_image(view, Header(), encoding)), view)


@pytest.mark.parametrize(('pixels', 'encoding'), [
    (np.zeros((4, 6), np.uint8), 'bgr8'), (np.zeros((4, 6, 3), np.uint8), 'mono8'),
    (np.zeros((4, 6), np.uint8), 'mono16'), (np.zeros((4, 6), np.uint16), 'mono8'),
    (np.zeros((4, 6), np.float64), '32FC1'), (np.zeros((4, 6, 4), np.uint8), 'rgba8'),
    (np.zeros((4, 6, 2), np.uint8), 'yuyv'), (np.zeros((4, 6), np.uint8), 'bayer_rggb8'),
    (np.zeros((4, 6, 3), np.uint8), 'bayer_rggb8'), (np.zeros((4, 6, 3), np.uint8), 'nv12')])
def test_an_array_that_does_not_fit_the_encoding_is_not_sent(pixels, encoding) -> None:
    with pytest.raises(ImageError, match=f"'{encoding}'") as caught:
        array_to_image(pixels, Header(), encoding)
    assert caught.value.code == 'encoding'


@pytest.mark.parametrize('shape', [(480, 640), (480, 640, 3)])
def test_a_message_is_made_with_one_copy_of_the_pixels(shape) -> None:
    pixels = np.full(shape, 3, np.uint8)
    array_to_image(pixels, Header(), array_encoding(pixels))
    tracemalloc.start()
    try:
        message = array_to_image(pixels, Header(), array_encoding(pixels))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(message.data) == pixels.nbytes
    assert peak < 1.5 * pixels.nbytes


@pytest.mark.parametrize('shape', [(4, 6), (4, 6, 3)])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_the_encoding_of_an_array_is_one_it_can_be_sent_in(shape, dtype) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, shape).astype(dtype)
    message = array_to_image(pixels, Header(), array_encoding(pixels))
    np.testing.assert_array_equal(image_to_array(message), pixels)


def test_depth_in_metres_is_nan_where_unknown_and_never_infinite() -> None:
    depth = np.array([[0.25, np.nan, np.inf], [-np.inf, 1e-6, 70.0]], np.float32)
    message = depth_to_image(depth, Header(frame_id='camera'), '32FC1')
    assert (message.encoding, message.header.frame_id) == ('32FC1', 'camera')
    expected = np.where(np.isfinite(depth), depth, np.nan)
    np.testing.assert_array_equal(payload_of(message)[..., 0], expected)
    assert np.isinf(depth).sum() == 2  # the caller's array is as it was


@pytest.mark.filterwarnings('error')
def test_depth_in_millimetres_is_rounded_and_0_where_there_is_none() -> None:
    truth = {0.25: 250, 0.0012: 1, 0.0018: 2, 0.0004: 0, 0.1236: 124, 0.1234: 123, 65.535: 65535,
             65.5349: 65535, 65.537: 0, 66.0: 0, 131.072: 0, 1e30: 0, -0.5: 0, -65.0: 0,
             float('nan'): 0, float('inf'): 0, float('-inf'): 0}
    depth = np.array([list(truth)], np.float32)
    message = depth_to_image(depth, Header(), '16UC1')
    assert message.encoding == '16UC1'
    np.testing.assert_array_equal(payload_of(message)[0, :, 0], list(truth.values()))


def test_depth_in_millimetres_is_within_half_a_millimetre_everywhere() -> None:
    depth = np.random.default_rng(1).uniform(0.001, 65.5, (50, 60)).astype(np.float32)
    millimetres = payload_of(depth_to_image(depth, Header(), '16UC1'))[..., 0]
    assert np.abs(millimetres - 1000 * depth.astype(float)).max() <= 0.5 + 1e-2


def test_a_depth_map_is_sent_in_no_other_encoding() -> None:
    with pytest.raises(ImageError, match=r"'mono16'.*32FC1 or 16UC1") as caught:
        depth_to_image(np.zeros((2, 2), np.float32), Header(), 'mono16')
    assert caught.value.code == 'encoding'

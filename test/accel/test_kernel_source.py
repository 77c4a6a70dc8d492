# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The kernel's source as text: what the host and the tools of the FPGA rely on."""

from __future__ import annotations

from pathlib import Path
import re

from focus_stacking_ros.backends import kernel_interface as kernel
from focus_stacking_ros.core.focus.measure import FOCUS_MEASURES, LOG_KERNEL, RESPONSE_LIMIT
from focus_stacking_ros.core.fuse import weights as fusion_weights
from focus_stacking_ros.core.fuse.gathering import CUBIC_WEIGHTS
import numpy as np
import pytest


@pytest.fixture
def folder(repository: Path) -> Path:
    """Folder of the kernel's package."""
    return repository / 'hw_accel'


@pytest.fixture
def top(folder: Path) -> str:
    """Return the source of the top function."""
    return (folder / 'src' / 'focus_stacking_accel.cpp').read_text()


@pytest.fixture
def sources(folder: Path) -> dict[str, str]:
    """Return what Vitis HLS compiles, by file name, without comments."""
    files = [*(folder / 'src').glob('*.cpp'), *(folder / 'include').rglob('*.hpp')]
    assert len(files) == 11
    return {path.name: re.sub(r'//[^\n]*', '', path.read_text()) for path in files}


def arguments_of(top: str) -> list[tuple[str, str]]:
    signature = re.search(r'void focus_stacking_accel\((.*?)\)\s*\{', top, re.S).group(1)
    return [tuple(re.fullmatch(r'(.*?)\s*(\w+)', part.strip(), re.S).groups())
            for part in signature.split(',')]


def test_arguments_are_the_hosts(top) -> None:
    arguments = arguments_of(top)
    assert tuple(name for _, name in arguments) == kernel.ARGUMENTS
    kinds = [kind for kind, _ in arguments]
    assert kinds[:4] == ['const Beat *', 'Beat *', 'const Beat *', 'Beat *']
    assert set(kinds[4:]) == {'int'}  # pyxrt 2.13 can set no other scalar


def test_every_argument_has_its_interface(top) -> None:
    memory = dict(re.findall(r'INTERFACE m_axi port=(\w+) .*?bundle=(\w+)', top))
    assert tuple(memory) == kernel.BUFFERS
    assert len(set(memory.values())) == 4
    assert tuple(re.findall(r'INTERFACE s_axilite port=(\w+)', top)) == (
        *kernel.ARGUMENTS, 'return')


def test_every_pointer_is_connected(folder) -> None:
    text = (folder / 'cfg' / 'kv260.cfg').read_text()
    ports = dict(re.findall(r'^sp=focus_stacking_accel_1\.(\w+):(\w+)$', text, re.M))
    assert tuple(ports) == kernel.BUFFERS
    assert not {'HP1', 'HP2'} <= set(ports.values())
    assert f'nk={kernel.KERNEL}:1:{kernel.KERNEL}_1' in text
    assert f'freqHz=250000000:{kernel.KERNEL}_1' in text


@pytest.mark.parametrize(('name', 'value'), [
    ('kMagic', kernel.MAGIC), ('kVersion', kernel.VERSION), ('kMaxWidth', 4096),
    ('kMaxHalfWidth', 2048), ('kMaxWindow', 15), ('kSourceRows', 64),
    ('kResponseLimit', RESPONSE_LIMIT)])
def test_constants_are_the_hosts(sources, name, value) -> None:
    text = re.search(rf'const \w+ {name} = (\w+);', sources['common.hpp']).group(1)
    assert int(text, 0) == value


def test_limits_of_the_host_are_the_kernels() -> None:
    assert (kernel.MAX_WIDTH, kernel.MAX_WINDOW, kernel.SOURCE_ROWS) == (4096, 15, 64)


def test_numbers_of_modes_are_the_hosts(sources) -> None:
    def enumeration(name: str) -> dict[str, int]:
        text = re.search(rf'enum {name} {{(.*?)}}', sources['common.hpp'], re.S).group(1)
        return {key: int(value) for key, value in re.findall(r'(\w+) = (\d+)', text)}

    assert enumeration('Operation') == {'kIdentify': kernel.IDENTIFY, 'kFront': kernel.FRONT,
                                        'kAlign': kernel.ALIGN, 'kAccumulate': kernel.ACCUMULATE,
                                        'kFuse': kernel.FUSE}
    assert enumeration('Planes') == {
        f'k{each.name.title().replace("_", "")}': each.value for each in kernel.Plane}
    assert enumeration('Steps') == {'kFirstSlice': kernel.FIRST_SLICE,
                                    'kLastSlice': kernel.LAST_SLICE}
    assert enumeration('Operator') == {
        f'k{name.title().replace("_", "")}': measure.kernel_number
        for name, measure in FOCUS_MEASURES.items() if measure.kernel_number is not None}
    assert enumeration('Layout') == {
        f'k{each.name.title().replace("_", "")}': each.value for each in kernel.Layout}


def test_coefficients_are_the_models(sources) -> None:
    text = re.search(r'kLogKernel\[4\]\[4\] = \{(.*?)\};', sources['front_pixels.hpp'],
                     re.S).group(1)
    quadrant = np.array([int(value) for value in re.findall(r'-?\d+', text)]).reshape(4, 4)
    distance = np.abs(np.arange(-3, 4))
    np.testing.assert_array_equal(quadrant[np.ix_(distance, distance)], LOG_KERNEL)
    assert LOG_KERNEL.sum() == 0
    assert np.abs(LOG_KERNEL).sum() < 4096  # what keeps single precision exact on the CPU


def test_tables_are_the_models(sources) -> None:
    text = sources['fuse_tables.hpp']
    for name, table in (('kLogSharpness', fusion_weights.LOG_SHARPNESS),
                        ('kDistance', fusion_weights.DISTANCE), ('kGate', fusion_weights.GATE),
                        ('kWeight', fusion_weights.WEIGHT)):
        found = re.search(rf'{name}\[256\] = \{{(.*?)\}};', text, re.S).group(1)
        assert [int(value) for value in found.split(',')] == table.tolist(), name
    found = re.search(r'kCubicWeights\[32\]\[4\] = \{(.*?)\};', text, re.S).group(1)
    np.testing.assert_array_equal(
        np.array([int(value) for value in re.findall(r'-?\d+', found)]).reshape(32, 4),
        CUBIC_WEIGHTS)


@pytest.mark.parametrize('width', [1, 500, 1016, 1017, 2040, 2041, 4088])
def test_rows_kept_while_fusing_fit_the_memory(sources, width) -> None:
    text = sources['fuse.hpp']
    held = kernel.tap_rows_held(width)
    words = 1 << int(re.search(r'kTapWordBits = (\d+);', text).group(1))
    assert f'columns <= {1016} ? 5 : columns <= {2040} ? 4 : 3' in text
    # Columns -1 to width + 1, four to a word; four rows share a slot.
    assert held // 4 * (((width + 5) >> 2) + 1) <= words
    assert kernel.MAX_FUSED_WIDTH == 4088


def test_layout_of_the_guide_and_of_pixels_is_the_hosts(sources) -> None:
    text = sources['fuse.hpp']
    assert {name: offset * 8 for name, (_, offset) in kernel.GUIDE.fields.items()} == {
        'index': 0, 'reach': 16, 'near_level': 24, 'near_offset': 32, 'far_level': 40,
        'far_offset': 48, 'unused': 56}
    assert re.findall(r'guide_field\(guide, (\d+)\)', text) == ['16', '24', '32', '40', '48']
    assert [pixel.itemsize for pixel in kernel.TAGGED.values()] == [2, 4, 4, 8]


FORBIDDEN = {
    'heap': r'\b(new|delete|malloc|calloc|free)\b|std::(vector|string|map|deque|unique_ptr)',
    'floating point': r'\b(float|double|half)\b|\d\.\d|\bsqrt\b|\bpow\b',
    'unbounded loops': r'\bwhile\b|\bdo\b\s*\{|\bgoto\b|for\s*\([^;)]*;\s*;',
    'exceptions and input': r'\b(throw|try|catch|printf|cout|abort|assert)\b',
    'virtual functions': r'\bvirtual\b|\bdynamic_cast\b|\bstd::function\b',
    'synthesis-only branches': r'__SYNTHESIS__|__VITIS_HLS__|HLS_NO_',
    'newer than C++14': r'if constexpr|\binline (const|constexpr)\b|structured|\bauto \[',
    'standard containers and headers': r'#include <(?!ap_int\.h|hls_stream\.h|stdint\.h)',
}


@pytest.mark.parametrize('what', FORBIDDEN)
def test_the_subset_of_the_synthesis_is_kept(sources, what) -> None:
    found = [(name, match.group()) for name, text in sources.items()
             for match in re.finditer(FORBIDDEN[what], text)]
    assert found == []


def functions_of(text: str) -> dict[str, str]:
    """Bodies of functions by name; a function begins in the first column."""
    found = {}
    for match in re.finditer(r'^(?:inline|static|void)[^;{]*?(\w+)\([^;{]*?\)\s*\{(.*?)^\}', text,
                             re.S | re.M):
        found[match.group(1)] = match.group(2)
    return found


def test_nothing_calls_itself(sources) -> None:
    functions = functions_of('\n'.join(sources.values()))
    assert len(functions) > 25
    calls = {name: {other for other in functions if re.search(rf'\b{other}\(', body)}
             for name, body in functions.items()}
    reached = {name: set(others) for name, others in calls.items()}
    for _ in functions:
        for others in reached.values():
            others.update(*(calls[other] for other in tuple(others)))
    assert [name for name, others in reached.items() if name in others] == []


def test_every_loop_over_data_is_pipelined(sources) -> None:
    for name, text in sources.items():
        for match in re.finditer(r'for \([^)]*\) \{\n((?:#pragma[^\n]*\n)*)(.*)', text):
            pragmas, first = match.groups()
            is_outer = re.match(r'\s*(for|const int (first|row|count|middle_slot)|'
                                r'const RowRange|uint64_t low)', first) is not None
            assert 'PIPELINE II=1' in pragmas or 'UNROLL' in pragmas or is_outer, (
                f'{name}: {match.group()}')


def test_every_stream_has_a_depth_one_writer_and_one_reader(sources) -> None:
    for name in ('front.hpp', 'align.hpp', 'accumulate.hpp', 'fuse.hpp'):
        regions = [body for body in functions_of(sources[name]).values()
                   if 'HLS DATAFLOW' in body]
        assert len(regions) == 1
        streams = re.findall(r'hls::stream<\w+, (\d+)> (\w+)\("', regions[0])
        processes = regions[0].split('REGION_BEGIN')[1]
        assert len(streams) >= 3
        for depth, stream in streams:
            assert int(depth) >= 16
            assert len(re.findall(rf'\b{stream}\b', processes)) == 2, stream


def test_cmake_fails_loudly_without_the_kernel(folder) -> None:
    text = (folder / 'CMakeLists.txt').read_text()
    guarded = text[text.index('if(ROS_VITIS'):]
    assert guarded.index('vitis_acceleration_kernel(') < guarded.index('FATAL_ERROR')
    assert 'NOT EXISTS ${CMAKE_BINARY_DIR}/focus_stacking_accel.xclbin' in guarded


def test_overlay_names_this_kernels_bitstream(folder) -> None:
    overlay = (folder / 'src' / 'focus_stacking_accel.dtsi').read_text()
    assert f'firmware-name = "{kernel.KERNEL}.bit.bin"' in overlay
    assert '"xlnx,zocl"' in overlay

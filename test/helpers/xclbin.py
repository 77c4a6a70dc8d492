# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An xclbin without a bitstream: what XRT reads of a kernel, in the layout of XRT's xclbin.h."""

from __future__ import annotations

from pathlib import Path
import re
import struct
import uuid

from focus_stacking_ros.backends.kernel_interface import ARGUMENTS, BUFFERS, KERNEL

__all__ = ['write_xclbin']

_METADATA, _MEMORY, _CONNECTIVITY, _IPS = 2, 6, 7, 8  # axlf_section_kind
_DDR4, _KERNEL = 1, 1  # MEM_TYPE, IP_TYPE
_HEADER, _SECTION = 456, 40  # bytes: axlf without section headers, one section header
_CONTROL = 16  # bytes of control registers before the arguments


def _ports(folder: Path) -> dict[str, str]:
    """Return the port of every pointer, as the linker is told."""
    text = (folder / 'cfg' / 'kv260.cfg').read_text()
    return dict(re.findall(rf'^sp={KERNEL}_1\.(\w+):(\w+)$', text, re.M))


def _metadata(name: str) -> bytes:
    """Return the description of the kernel's arguments as Vitis writes it."""
    lines, offset = [], _CONTROL
    for index, argument in enumerate(ARGUMENTS):
        pointer = argument in BUFFERS
        size, kind = (8, 'void*') if pointer else (4, 'int')
        port = f'm_axi_{argument}' if pointer else 's_axi_control'
        lines.append(
            f'<arg name="{argument}" addressQualifier="{int(pointer)}" id="{index}" '
            f'port="{port}" size="0x{size:X}" offset="0x{offset:X}" hostOffset="0x0" '
            f'hostSize="0x{size:X}" type="{kind}"/>')
        offset += size + 4  # HLS leaves a word after each argument
    ports = ''.join(f'<port name="m_axi_{each}" mode="master" range="0xFFFFFFFFFFFFFFFF" '
                    'dataWidth="128" portType="addressable" base="0x0"/>' for each in BUFFERS)
    return (f'<?xml version="1.0"?><project name="{name}"><platform vendor="none" '
            'boardid="none" name="none" featureRomTime="0"><version major="0" minor="0"/>'
            '<device name="fpga0" fpgaDevice="zynquplus"><core name="OCL_REGION_0" target="hw" '
            f'type="clc_region"><kernel name="{name}" language="c" type="pl">{ports}'
            '<port name="s_axi_control" mode="slave" range="0x1000" dataWidth="32" '
            f'portType="addressable" base="0x0"/>{"".join(lines)}<instance name="{name}_1">'
            '<addrRemap base="0xA0000000" range="0x10000" port="S_AXI_CONTROL"/></instance>'
            '</kernel></core></device></platform></project>').encode()


def write_xclbin(path: Path, folder: Path, name: str = KERNEL) -> Path:
    """
    Write a file that XRT takes for the kernel's, as far as it looks without a board.

    :param path: of the file
    :param folder: of the kernel's package, for its ports
    :param name: of the kernel
    """
    ports = _ports(folder)
    banks = sorted(set(ports.values()))
    memory = struct.pack('<i4x', len(banks))
    for bank in banks:
        # All ports lead to the same memory.
        memory += struct.pack('<BB6xQQ16s', _DDR4, 1, 2 << 20, 0, bank.encode())
    connections = [struct.pack('<iii', ARGUMENTS.index(argument), 0, banks.index(bank))
                   for argument, bank in ports.items()]
    ips = struct.pack('<i4xIIQ64s', 1, _KERNEL, 0, 0xA0000000, f'{name}:{name}_1'.encode())
    sections = ((_METADATA, _metadata(name)), (_MEMORY, memory), (_IPS, ips),
                (_CONNECTIVITY, struct.pack('<i', len(connections)) + b''.join(connections)))
    offset, headers, bodies = _HEADER + _SECTION * len(sections), b'', b''
    for kind, body in sections:
        padded = body + bytes(-len(body) % 8)
        headers += struct.pack('<I16s4xQQ', kind, b'', offset, len(body))
        bodies += padded
        offset += len(padded)
    header = struct.pack('<8si28s256sQ', b'xclbin2', -1, b'\xff' * 28, b'', 0)
    header += struct.pack('<QQQHBBHH16s64s16s16sI4x', offset, 0, 0, 0, 2, 13, 0, 0, b'', b'none',
                          uuid.uuid5(uuid.NAMESPACE_URL, name).bytes, b'', len(sections))
    assert len(header) == _HEADER
    path.write_bytes(header + headers + bodies)
    return path

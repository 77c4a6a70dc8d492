# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Calls of pyxrt, right and wrong, and what becomes of them; a program too.

``python -m accel.xrt_calls FOLDER NAME...`` makes these calls on the real module, with the shim of
libxrt that has no hardware (noop), and prints what became of each; with the name ``stacks`` it
fuses focal stacks instead, with the emulation library in place of the hardware.
"""

from __future__ import annotations

from collections.abc import Callable
import ctypes
import json
from pathlib import Path
import sys
from types import SimpleNamespace
from typing import Any

from focus_stacking_ros.backends.emulation import find_library
from focus_stacking_ros.backends.kernel_interface import ARGUMENTS, BUFFERS, KERNEL
from focus_stacking_ros.backends.kria import _pyxrt, KriaBackend, XrtDevice
from focus_stacking_ros.backends.native import fastest_on_cpu
from helpers.xclbin import write_xclbin
import numpy as np

__all__ = ['CALLS', 'World', 'outcome_of']

REPOSITORY = Path(__file__).resolve().parents[2]
_SCALAR = len(BUFFERS)


class World:
    """
    A pyxrt with an opened kernel.

    :param pyxrt: the module or its stand-in
    :param folder: for files
    """

    def __init__(self, pyxrt: Any, folder: Path) -> None:
        self.pyxrt, self.folder = pyxrt, folder
        self.firmware = write_xclbin(folder / 'kernel.xclbin', REPOSITORY / 'hw_accel')
        self.device = pyxrt.device(0)
        self.uuid = self.device.load_xclbin(str(self.firmware))
        self.kernel = pyxrt.kernel(self.device, self.uuid, KERNEL)
        self.to_device = pyxrt.xclBOSyncDirection.XCL_BO_SYNC_BO_TO_DEVICE

    def memory(self, size: Any = 4096, index: int = 0) -> Any:
        """Return memory for a pointer of the kernel."""
        kind = self.pyxrt.bo
        return kind(self.device, size, kind.normal, self.kernel.group_id(index))

    def run(self, *, ready: bool = True) -> Any:
        """Return a run, with all its arguments set (operation 0: say what you are)."""
        run = self.pyxrt.run(self.kernel)
        for index in range(len(ARGUMENTS) if ready else 0):
            run.set_arg(index, self.memory(index=index) if index < _SCALAR else 0)
        return run

    def started(self) -> Any:
        """Return a run that is under way."""
        run = self.run()
        run.start()
        return run

    def loaded(self, content: bytes) -> Any:
        """Load an xclbin of this content."""
        path = self.folder / 'other.xclbin'
        path.write_bytes(content)
        return self.device.load_xclbin(str(path))


def _filled(memory: Any) -> None:
    # A mapping does not keep its memory alive: without a name that would be freed by now.
    np.asarray(memory.map()).view(np.uint8)[5:].fill(1)


def _again(world: World, *, wait: bool) -> None:
    run = world.started()
    if wait:
        while run.wait(5) != world.pyxrt.ert_cmd_state.ERT_CMD_STATE_COMPLETED:
            pass
    run.start()


#: By name a call and what the real module makes of it: it is fine, raises, hangs, is wrong and
#: returns, or reads what it does not own (undefined: the process dies, or any error is raised).
CALLS: dict[str, tuple[Callable[[World], Any], str]] = {
    'device -1': (lambda it: it.pyxrt.device(-1), 'TypeError'),
    'device 0.0': (lambda it: it.pyxrt.device(0.0), 'TypeError'),
    'no xclbin': (lambda it: it.device.load_xclbin('/none.xclbin'), 'RuntimeError'),
    'another file': (lambda it: it.loaded(b'another' * 99), 'RuntimeError'),
    'half an xclbin': (lambda it: it.loaded(it.firmware.read_bytes()[:300]), 'undefined'),
    'xclbin as Path': (lambda it: it.device.load_xclbin(it.firmware), 'TypeError'),
    'other kernel': (lambda it: it.pyxrt.kernel(it.device, it.uuid, 'vadd'), 'RuntimeError'),
    'no device': (lambda it: it.pyxrt.kernel(None, it.uuid, KERNEL), 'TypeError'),
    'group of a pointer': (lambda it: it.kernel.group_id(1), 'fine'),
    'group of a scalar': (lambda it: it.kernel.group_id(_SCALAR), 'IndexError'),
    'group -1': (lambda it: it.kernel.group_id(-1), 'IndexError'),
    'group 1.0': (lambda it: it.kernel.group_id(1.0), 'TypeError'),
    'memory': (lambda it: it.memory(), 'fine'),
    'cacheable memory': (
        lambda it: it.pyxrt.bo(it.device, 64, it.pyxrt.bo.cacheable, it.kernel.group_id(1)),
        'fine'),
    'no memory': (lambda it: it.memory(0), 'wrong'),
    'memory -1': (lambda it: it.memory(-1), 'TypeError'),
    'memory 64.0': (lambda it: it.memory(64.0), 'TypeError'),
    'flags as int': (lambda it: it.pyxrt.bo(it.device, 64, 0, 0), 'TypeError'),
    'bank 77': (lambda it: it.pyxrt.bo(it.device, 64, it.pyxrt.bo.normal, 77), 'wrong'),
    'map': (lambda it: _filled(it.memory()), 'fine'),
    'argument': (lambda it: it.run().set_arg(_SCALAR, -5), 'fine'),
    'least argument': (lambda it: it.run().set_arg(_SCALAR, -1 << 31), 'fine'),
    'argument 2^31': (lambda it: it.run().set_arg(_SCALAR, 1 << 31), 'TypeError'),
    'argument 2^40': (lambda it: it.run().set_arg(_SCALAR, 1 << 40), 'TypeError'),
    'argument 1.0': (lambda it: it.run().set_arg(_SCALAR, 1.0), 'TypeError'),
    'argument None': (lambda it: it.run().set_arg(_SCALAR, None), 'TypeError'),
    'argument as text': (lambda it: it.run().set_arg(_SCALAR, '1'), 'TypeError'),
    'argument after the last': (lambda it: it.run().set_arg(len(ARGUMENTS), 0), 'IndexError'),
    'argument before the first': (lambda it: it.run().set_arg(-1, 0), 'IndexError'),
    'number for an address': (lambda it: it.run().set_arg(0, 7), 'wrong'),
    'memory for a scalar': (lambda it: it.run().set_arg(_SCALAR, it.memory()), 'undefined'),
    'memory of another bank': (lambda it: it.run().set_arg(0, it.memory(index=3)), 'wrong'),
    'sync': (lambda it: it.memory().sync(it.to_device, 64, 32), 'fine'),
    'sync of nothing': (lambda it: it.memory().sync(it.to_device, 0, 0), 'fine'),
    'sync of all by default': (lambda it: it.memory().sync(it.to_device), 'TypeError'),
    'sync -1': (lambda it: it.memory().sync(it.to_device, -1, 0), 'TypeError'),
    'direction as int': (lambda it: it.memory().sync(0, 64, 0), 'TypeError'),
    'arguments not set': (lambda it: it.run(ready=False).start(), 'wrong'),
    'start': (lambda it: it.started(), 'fine'),
    'start and wait': (lambda it: it.started().wait(5), 'fine'),
    'start twice': (lambda it: _again(it, wait=False), 'RuntimeError'),
    'start, wait, start': (lambda it: _again(it, wait=True), 'fine'),
    'argument while it runs': (lambda it: it.started().set_arg(_SCALAR, 3), 'wrong'),
    'wait -1': (lambda it: it.started().wait(-1), 'TypeError'),
    'wait 1.5': (lambda it: it.started().wait(1.5), 'TypeError'),
    'wait without a start': (lambda it: it.run().wait(5), 'hang'),
}


def outcome_of(call: Callable[[World], Any], world: World) -> str:
    """Return the name of what a call raises, 'returns' for nothing."""
    try:
        call(world)
    except Exception as error:
        return type(error).__name__
    return 'returns'


def computing(pyxrt: Any, library: Path) -> SimpleNamespace:
    """Return the module with runs that do what the hardware would have done."""
    kernel = ctypes.CDLL(str(library)).focus_stacking_accel
    kernel.restype = None

    class Run(pyxrt.run):  # type: ignore[misc]
        def __init__(self, of_kernel: Any) -> None:
            super().__init__(of_kernel)
            self.arguments: dict[int, Any] = {}

        def set_arg(self, index: int, value: Any) -> None:
            super().set_arg(index, value)
            self.arguments[index] = value

        def start(self) -> None:
            super().start()
            values = [self.arguments[index] for index in range(len(ARGUMENTS))]
            kernel(*(ctypes.c_void_p(np.asarray(value.map()).ctypes.data)
                     for value in values[:_SCALAR]), *values[_SCALAR:])

    names = ('bo', 'device', 'ert_cmd_state', 'kernel', 'xclBOSyncDirection')
    return SimpleNamespace(run=Run, **{name: getattr(pyxrt, name) for name in names})


def fused_stacks(world: World) -> dict[str, Any]:
    """Return who made each stack through XRT, and whether the CPU makes the same of it."""
    from backends.test_kria import result_of

    device = XrtDevice(computing(world.pyxrt, find_library()), world.firmware)
    found = {}
    for method in 'default', 'streaming':
        for channels in 1, 3:
            ours, expected = (result_of(backend, method, channels)
                              for backend in (KriaBackend(device), fastest_on_cpu()))
            found[f'{method} {channels}'] = [ours.backend, all(
                np.array_equal(getattr(ours, name), getattr(expected, name), equal_nan=True)
                for name in ('all_in_focus', 'depth_m', 'confidence', 'slice_index'))]
    return found


def _main(folder: Path, names: list[str]) -> None:
    world = World(_pyxrt(), folder)
    if names == ['stacks']:
        print(json.dumps(fused_stacks(world)))
        return
    print(json.dumps({name: outcome_of(CALLS[name][0], world) for name in names}))


if __name__ == '__main__':
    _main(Path(sys.argv[1]), sys.argv[2:])

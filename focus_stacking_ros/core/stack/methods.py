# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The methods a stack can be processed with, by the name that the option ``method`` has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Protocol

from focus_stacking_ros.core.align.chain import Entry, Link
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.slices import Image, Slice, SliceReport, StackResult
from focus_stacking_ros.core.stack.accumulation import Accumulation
from focus_stacking_ros.core.stack.backend import Backend
from focus_stacking_ros.core.stack.finish import finish
from focus_stacking_ros.core.stack.order_check import FoundOrder
import numpy as np
from numpy.typing import NDArray

__all__ = ['METHODS', 'Method', 'begin']


class Method(Protocol):
    """The work on one stack, whose slices come in the order of their positions."""

    @property
    def entries(self) -> Sequence[Entry]:
        """Return what is known of the slices so far, in the order they came in."""

    def add(self, item: Slice) -> Link | None:
        """Do a slice's share of the work; returns where it lies, None if only the end tells."""

    def defects(self, slices: Mapping[int, Slice]) -> NDArray[np.bool_] | None:
        """
        Return the spots of the sensor that stay put while the picture moves, None for none.

        :param slices: the accepted slices by input number
        :returns: (H, W) bool
        """

    def order(self) -> FoundOrder | None:
        """
        Return the order that the images say, None where they came in it or it is not asked.

        What else is seen of the slices then, `finish` takes into account.
        """

    def finish(self, slices: MutableMapping[int, Slice],
               reports: Mapping[int, SliceReport]) -> StackResult:
        """
        Do what needs the whole stack.

        :param slices: the accepted slices by input number, which a method may take out
        :param reports: reports of all inputs by input number
        :raises StackError: the stack cannot give a result
        """


class _Accumulating:
    """Slices are measured, registered and accumulated as they come."""

    def __init__(self, options: StackOptions, backend: Backend, first: Image, lean: bool) -> None:
        self._options = options
        self._accumulation = Accumulation(options, backend, first, lean=lean)

    @property
    def entries(self) -> Sequence[Entry]:
        return self._accumulation.entries

    def add(self, item: Slice) -> Link:
        return self._accumulation.add(item)

    def defects(self, slices: Mapping[int, Slice]) -> NDArray[np.bool_] | None:
        return self._accumulation.defects(slices)

    def order(self) -> FoundOrder | None:
        return self._accumulation.order()

    def finish(self, slices: MutableMapping[int, Slice],
               reports: Mapping[int, SliceReport]) -> StackResult:
        return finish(self._accumulation, slices, reports, self._options)


def _notebook(options: StackOptions, _backend: Backend, _first: Image, _lean: bool) -> Method:
    from focus_stacking_ros.core.notebook import Notebook  # who asks for another needs it not
    return Notebook(options)


#: How each method begins a stack: with options, backend, the first image and whether it is lean.
METHODS: dict[str, Callable[[StackOptions, Backend, Image, bool], Method]] = {
    'default': _Accumulating,
    'streaming': _Accumulating,
    'quality': _Accumulating,
    'notebook': _notebook,
}


def begin(options: StackOptions, backend: Backend, first: Image, *, lean: bool = False) -> Method:
    """
    Begin a stack with the method of the options.

    :param options: tunables
    :param backend: who measures and accumulates, where the method leaves that to a backend
    :param first: a slice of the size and encoding that all have
    :param lean: see `Accumulation`
    """
    return METHODS[options.method](options, backend, first, lean)

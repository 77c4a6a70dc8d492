# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The integers of the weight with which a slice enters the all-in-focus image."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    'AVERAGE_PENALTIES',
    'AVERAGE_STEPS',
    'CENTRE',
    'DISTANCE',
    'DISTANCE_SHIFT',
    'FARTHEST',
    'FULL_REACH',
    'GATE',
    'GATE_LIMITS',
    'INDEX_STEPS',
    'LEAD_LIMITS',
    'LOG_SHARPNESS',
    'MAX_POWER',
    'NEVER',
    'NOISE_DROP',
    'OCTAVE',
    'WEIGHT',
    'WeightPlanes',
    'farthest_of',
    'fixed_power',
    'lead_of',
    'noise_drop',
    'penalties',
    'reach_of',
]

#: Steps of a slice's number in the plane of the index.
INDEX_STEPS = 64
#: Distances from the index are told apart in steps of 1 / INDEX_STEPS << DISTANCE_SHIFT slices.
DISTANCE_SHIFT = 2
#: Slices from the index beyond which none is gathered, however wide the gate.
FARTHEST = 8.0
#: Penalties are in 1/14 octave; what is `CENTRE` or less has the full weight.
OCTAVE, CENTRE, NEVER = 14, 128, 255
#: Penalty per step of LOG_SHARPNESS in the average without a gate: power 12.
AVERAGE_STEPS = 6
#: Greatest power of the sharpness, 1/64.
MAX_POWER = 960
_LEAST_WEIGHT = 3  # of 255; smaller ones are 0: what they add is not worth a gathered slice
_REACH_OF_ONE_STEP = 216  # 1/16 octave: reach of a gate of 1/64 slice
_TOLD = 0.3  # sharpness above that of the noise, as a share of it, at which it is believed half
_VALUES = np.arange(256)


def _table(values: NDArray[Any]) -> NDArray[np.uint8]:
    table = np.minimum(np.rint(values), 255).astype(np.uint8)
    table.setflags(write=False)
    return table


#: Logarithm of a uint8 sharpness, 1/28 octave.
LOG_SHARPNESS = _table(2 * OCTAVE * np.log2(2.0 * _VALUES + 1))
_distances = _VALUES << DISTANCE_SHIFT
#: Logarithm of a distance from the index, 1/16 octave of 1 / INDEX_STEPS slice.
DISTANCE = _table(np.where(_distances > FARTHEST * INDEX_STEPS, 255,
                           16 * np.log2(np.maximum(_distances, 1))))
_gates = OCTAVE / 2 / np.log(2) * 2.0 ** ((_VALUES - _REACH_OF_ONE_STEP) / 8)
#: Penalty by the sum of the distance's logarithm and the reach: half its square over ln 2; what
#: would have CENTRE or more does not pass.
GATE = _table(np.where(np.rint(_gates) < CENTRE, _gates, NEVER))
#: Penalty in the average without a gate, by what is missing to the sharpest.
AVERAGE_PENALTIES = _table(_VALUES * AVERAGE_STEPS)
_weights = np.rint(255 * 2.0 ** (-np.maximum(_VALUES - CENTRE, 0) / OCTAVE))
#: Weight by penalty.
WEIGHT = _table(np.where(_weights >= _LEAST_WEIGHT, _weights, 0))


def fixed_power(power: float) -> int:
    """Return a power of the sharpness in 1/64, between 0 and 15."""
    return int(min(max(np.rint(power * 64), 0), MAX_POWER))


def penalties(power: int) -> NDArray[np.uint8]:
    """Return the penalty by what is missing to the sharpest, for a power in 1/64."""
    return np.minimum((power * _VALUES + 64) >> 7, 255).astype(np.uint8)


def noise_drop(alike: float = 0.0) -> NDArray[np.uint8]:
    """
    Return by how much a level is lowered, by how far it is above that of the noise.

    Where sharpness tells nothing it chooses no slice, and what is but little less sharp than the
    sharpest has its full weight.

    :param alike: difference of sharpness that is little, as a share of the noise's; 0 to 1
    """
    ratio = 2.0 ** (_VALUES / (2 * OCTAVE))
    over = np.square((ratio - 1) / _TOLD)
    drop = np.log2((1 + over) / np.maximum(over, 1e-6) * ratio / np.maximum(ratio - alike, 1e-6))
    return _table(np.where(_VALUES > 0, 2 * OCTAVE * drop, 255))


#: `noise_drop` where no difference is little.
NOISE_DROP = noise_drop()


def farthest_of(reach: int) -> float:
    """Return how many slices from the index a gate lets in what is there; 0 if nothing."""
    passed = np.flatnonzero(GATE[np.minimum(DISTANCE.astype(np.int64) + reach, 255)] < NEVER)
    return float((int(passed.max()) + 1) << DISTANCE_SHIFT) / INDEX_STEPS if len(passed) else 0.0


#: The narrowest gate that a slice next to the index still passes.
FULL_REACH = (int(np.flatnonzero(GATE < NEVER).max())
              - int(DISTANCE[INDEX_STEPS >> DISTANCE_SHIFT]))


def _limits(values: NDArray[np.float64]) -> NDArray[np.float32]:
    limits = values.astype(np.float32)
    limits.setflags(write=False)
    return limits


#: Gates, rising, from which on the reach is one less than FULL_REACH, two less and so on to 0:
#: comparing with limits gives the same on every processor, a logarithm may not.
GATE_LIMITS = _limits(2.0 ** ((_REACH_OF_ONE_STEP - FULL_REACH + 0.5 + np.arange(FULL_REACH)) / 16)
                      / INDEX_STEPS)
#: Ratios of weights, rising, from which on they are at least 1 - NEVER, 2 - NEVER and so on to
#: NEVER - CENTRE steps of 1/14 octave.
LEAD_LIMITS = _limits(2.0 ** ((np.arange(1 - NEVER, NEVER - CENTRE + 1) - 0.5) / OCTAVE))


def reach_of(gate: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the reach of gates whose standard deviation is in slices, at most FULL_REACH."""
    return (FULL_REACH - np.searchsorted(GATE_LIMITS, gate, side='right')).astype(np.uint8)


def lead_of(ratio: NDArray[np.float32]) -> NDArray[np.int16]:
    """Return the logarithm of a ratio of weights, 1/14 octave, -NEVER to NEVER - CENTRE."""
    return (np.searchsorted(LEAD_LIMITS, ratio, side='right') - NEVER).astype(np.int16)


@dataclass(frozen=True)
class WeightPlanes:
    """
    What decides the weight of every slice at every pixel of a part of the result.

    :param index: uint16, slice index in 1/64; uint32 in a job of more than NARROW_SLICES slices
    :param reach: uint8, how narrow the gate around the index is; NEVER where nothing passes
    :param near_level: uint8, logarithm of the sharpness from which on a gated slice has no penalty
    :param near_offset: uint8, penalty of all gated slices
    :param far_level: uint8, the same as near_level for slices at any distance
    :param far_offset: uint8, penalty of all slices at any distance; NEVER where none may enter
    """

    index: NDArray[np.unsignedinteger[Any]]
    reach: NDArray[np.uint8]
    near_level: NDArray[np.uint8]
    near_offset: NDArray[np.uint8]
    far_level: NDArray[np.uint8]
    far_offset: NDArray[np.uint8]

    @classmethod
    def empty(cls, shape: tuple[int, int], *, wide: bool = False) -> WeightPlanes:
        """Return planes of a size whose content is arbitrary."""
        return cls(np.empty(shape, np.uint32 if wide else np.uint16),
                   *(np.empty(shape, np.uint8) for _ in range(5)))

    def planes(self) -> tuple[NDArray[np.generic], ...]:
        """Return the planes in their order."""
        return tuple(getattr(self, item.name) for item in fields(self))

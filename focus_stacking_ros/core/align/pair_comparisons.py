# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which slices of a stack are compared with each other, and what that has told so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import Lock

from focus_stacking_ros.core.align.comparison import compare, Comparison, Judgement
from focus_stacking_ros.core.align.detail import Detail
from focus_stacking_ros.core.align.stages import AlignmentStages
from focus_stacking_ros.core.align.warping import inverse, joined
from focus_stacking_ros.core.slices import Transform
from focus_stacking_ros.core.threads import lasting_threads
import numpy as np

__all__ = ['FAR', 'FREE', 'TRUST', 'Once', 'Pair', 'PairComparisons']

FREE = ('affine', 'projective')
FAR = 0.5  # pixels: a comparison that started from farther away is made once more
TRUST = 0.5  # pixels: standard deviation of the steps between the transforms to be refined
_DOUBT = 4.0  # how much surer a comparison of blurred slices must be to bridge nothing
_REACH = 2  # slices: how far apart two compared slices usually are
_BRIDGE = 6  # slices: how far apart, where those between them tell nothing
# Sharpness that a slice and the one before it share at the finest level, below which the slice
# after it shares less with the latter: there errors were larger than at a coarser level.
_HARDLY_SHARED = 0.1
_FARTHEST = 8.0  # pixels: a comparison that moves a slice farther has gone astray


@dataclass(frozen=True)
class Pair:
    """
    Two slices compared.

    :param first: rank of the one
    :param second: rank of the other
    :param starts: first's pixel -> second's pixel, where the comparison began, and where it began
        once more, nearer by
    :param found: what it has found; None where it cannot be made or has gone astray
    """

    first: int
    second: int
    starts: tuple[Transform, ...]
    found: Comparison | None

    def holds_for(self, start: Transform, *, judged: bool) -> bool:
        """Return whether a comparison that begins elsewhere would find the same."""
        if any(np.array_equal(start, each) for each in self.starts):
            return self.found is None or (self.found.judgement is not None) == judged
        if self.found is None or (self.found.judgement is not None) != judged:
            return False
        step = self.found.step_from(start)
        return any(float(np.abs(step - self.found.step_from(each)).max()) <= FAR
                   for each in self.starts)

    @property
    def judgement(self) -> Judgement | None:
        """Return how well they fit, where that is known."""
        return None if self.found is None else self.found.judgement

    @cached_property
    def tells(self) -> bool:
        """Return whether it tells more than is known anyhow."""
        if self.found is None:
            return False
        trust = TRUST / _DOUBT if self.found.is_coarse else TRUST
        return bool(np.diag(np.linalg.inv(self.found.information)).max() < trust ** 2)


@dataclass
class _Line:
    """Slices in their order, as far as they have come."""

    recent: list[int] = field(default_factory=list)
    anchor: int | None = None  # the last whose comparisons tell much, where recent ones' do not
    told: dict[int, bool] = field(default_factory=dict)  # whether a slice's comparisons do

    def partners(self, rank: int) -> list[int]:
        """Return the slices that the next one is to be compared with."""
        far = self.anchor is None or rank - self.anchor > _BRIDGE
        return self.recent if far or self.anchor is None else [self.anchor, *self.recent]

    def note(self, rank: int, pairs: list[Pair]) -> None:
        """Take the next slice in."""
        self.told[rank] = not self.recent or any(pair.tells for pair in pairs)
        self.recent = [*self.recent, rank]
        if len(self.recent) > _REACH:
            gone = self.recent.pop(0)
            self.anchor = gone if self.told[gone] else self.anchor
        if all(self.told[each] for each in self.recent):
            self.anchor = None


class Once:
    """A function that is asked once, by whichever thread comes first."""

    def __init__(self, function: Callable[[], Detail]) -> None:
        self._function: Callable[[], Detail] | None = function
        self._lock = Lock()

    def __call__(self) -> Detail:
        """Return what the function has returned."""
        with self._lock:
            if self._function is not None:
                self._result, self._function = self._function(), None
            return self._result


class PairComparisons:
    """
    Compares each slice with its neighbours before it, in their order.

    Past slices that tell no more than is known anyhow, as nearly all blur, the last that tells
    more is compared as well: else they would be where a stack falls apart.

    :param stages: who does what takes time
    :param model: a key of motion.PARAMETERS
    :param earlier: comparisons made before; those of the same model that began near by are taken
    """

    def __init__(self, stages: AlignmentStages, model: str,
                 earlier: PairComparisons | None = None) -> None:
        self._stages, self.model = stages, model
        #: How many were not known.
        self.fresh = 0
        self._line = _Line()
        self._made: dict[tuple[int, int], Pair] = {}
        self._earlier = {} if earlier is None or earlier.model != model else earlier._made
        self._details: dict[int, Callable[[], Detail]] = {}
        # First slice's pixel -> slice's pixel, and back.
        self._places: dict[int, tuple[Transform, Transform]] = {}

    @property
    def pairs(self) -> list[Pair]:
        """Return the comparisons that have told something."""
        return [pair for pair in self._made.values() if pair.found is not None]

    @property
    def judgements(self) -> dict[int, Judgement]:
        """Return how well slices fit the one before, by their rank."""
        return {pair.second: pair.judgement for pair in self._made.values()
                if pair.judgement is not None}

    def add(self, rank: int, transform: Transform, detail: Callable[[], Detail]) -> None:
        """
        Compare the next slice.

        :param rank: its rank
        :param transform: first slice's pixel -> this slice's pixel
        :param detail: returns what comparisons need of it, when there is one to make
        """
        self._places[rank], self._details[rank] = (transform, inverse(transform)), detail
        known = {other: self._known(other, rank) for other in self._line.partners(rank)}
        missing = [other for other, pair in known.items() if pair is None]
        self.fresh += len(missing)
        if missing:
            # Several at a time: each takes one processor.
            with lasting_threads('refinement') as pool:
                known.update(zip(missing, pool.results(
                    lambda other: self._compared(other, rank), missing), strict=True))
        pairs = [pair for pair in known.values() if pair is not None]
        self._made.update({(pair.first, rank): pair for pair in pairs})
        self._line.note(rank, pairs)
        kept = {*self._line.recent, self._line.anchor}
        self._details = {each: detail for each, detail in self._details.items() if each in kept}

    def follow(self, other: PairComparisons) -> None:
        """Go on with the slice that is the next one of comparisons of another model."""
        if self._line.recent != other._line.recent:
            self._line = replace(other._line, recent=list(other._line.recent),
                                 told=dict(other._line.told))
            self._places.update(other._places)
            self._details = dict(other._details)

    def forget_details(self) -> None:
        """Let the pixels go: no slice is added any more."""
        self._details.clear()

    def _start(self, first: int, second: int) -> tuple[Transform, bool]:
        """Return where a comparison begins, and whether it is judged."""
        return (joined(self._places[second][0], self._places[first][1]),
                first == self._line.recent[-1])

    def _known(self, first: int, second: int) -> Pair | None:
        known = self._earlier.get((first, second))
        if known is None:
            return None
        start, judged = self._start(first, second)
        return known if known.holds_for(start, judged=judged) else None

    def _compared(self, first: int, second: int) -> Pair:
        start, judged = self._start(first, second)
        starts, found = [start], self._found(first, second, start, judged=judged)
        if found is not None and self.model in FREE and _distance(found, start) > FAR:
            # From nearer by, it sees more.
            starts.append(found.transform)
            found = self._found(first, second, found.transform, judged=judged)
        return Pair(first, second, tuple(starts), found)

    def _found(self, first: int, second: int, start: Transform, *, judged: bool
               ) -> Comparison | None:
        found = compare(self._stages, self._details[first](), self._details[second](), start,
                        self.model, judged=judged,
                        is_blurred=not judged and self._is_blurred_after(first))
        return None if found is None or _distance(found, start) >= _FARTHEST else found

    def _is_blurred_after(self, rank: int) -> bool:
        """Return whether a slice shares hardly any fine detail with the one after it."""
        after = next((self._made.get((rank, other)) for other in self._line.recent
                      if other > rank), None)
        return (after is not None and after.found is not None
                and after.found.shared < _HARDLY_SHARED)


def _distance(found: Comparison, start: Transform) -> float:
    return float(np.abs(found.step_from(start)).max())

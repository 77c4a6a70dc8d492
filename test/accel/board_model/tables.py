# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What docs/kv260.md shows of the costs of a stack: estimates, all of them."""

from __future__ import annotations

from collections.abc import Mapping

from accel.board_model.blocks import Cost

__all__ = ['FABRIC', 'NEXT', 'STAGES', 'tables']

CLOCK_MHZ = 1333  # of the application cores: assumed
#: What the page calls the stages, and what a fabric that has them would need.
STAGES = {
    'front': ('front pass', 'has it'),
    'align': ('responses aligned', 'has it'),
    'gather': ('slices fused, without what decides their weights', 'has it'),
    'guide': ('what decides the weights',
              'the sharpness of all slices twice, roots and logarithms in single precision'),
    'average_luma': ('running average of luma',
                     'interpolation as `fuse` has it, sums in single precision'),
    'pyramid': ('luma reduced, for registration', 'lines of five sizes'),
    'fit_level': ('registration', 'interpolation, and sums of products in double precision'),
    'compare': ('pairs compared at full resolution',
                'interpolation of two slices, sums of products per region'),
    'falls': ('falls of brightness', 'all slices of a pixel at once'),
    'peaks': ('peaks of the focus curves', 'all slices of a pixel at once, divisions'),
    'surface': ('surface', 'sweeps along rows and columns, one after the other'),
    'rims': ('rims of the depth', 'all slices around an edge'),
    'beside': ('pixels beside near surfaces', 'the depth around a pixel'),
    'spread': ('light that near surfaces spread', 'the image around a pixel, by its depth'),
    'faint': ('sharpness where detail is faint', 'the sharpness of a slice at two sizes'),
    'blocks': ('sharpness of blocks', 'sums of its pixels, interpolation'),
    'evidence': ('peaks that tell a depth', 'exponentials'),
    'judge': ('clues to the confidence', 'square roots, exponentials'),
    'guide_rows': ('noise and calm of blocks of pixels',
                   'exponentials, planes of half the size made larger'),
    'energy': ('detail that the image has of its slices, for the report',
               'interpolation, sums of squares'),
    'add': ('the rest of `add`, NumPy, OpenCV and Python', 'no pass of its own'),
    'finish': ('the rest of `finish`, NumPy, OpenCV and Python', 'no pass of its own'),
}
#: What the fabric does.
FABRIC = 'front', 'align', 'gather'
#: What it might do besides, in the order in which it would be built; the rest has no pass.
NEXT = {
    'pairs compared at full resolution: a pass that chooses pixels and one that samples two '
    'slices at them and sums products': ('compare', 'forget_comparisons'),
    'registration, its reduced luma, running average: the same passes at coarser levels':
        ('fit_level', 'pyramid', 'average_luma'),
    'what decides the weights: one more pass over the sharpness of all slices before `fuse`':
        ('guide', 'guide_rows', 'blocks', 'faint'),
    'peaks, clues, surface, falls, rims, light of near surfaces: passes over all slices of a '
    'pixel, once per stack':
        ('peaks', 'judge', 'evidence', 'surface', 'falls', 'rims', 'beside', 'spread', 'energy'),
}
#: What is done while slices arrive.
ARRIVING = 'add', 'front', 'align', 'fit_level', 'pyramid', 'average_luma', 'compare'


def tables(alone: Mapping[str, Cost], together: Mapping[str, Cost], slices: int) -> dict[str, str]:
    """
    Return what goes between the markers of the page, by their names.

    :param alone: what stages take without the kernel
    :param together: what they take with it
    :param slices: of the stack
    """
    # What decides the weights is part of `fuse`, and with the kernel a call of its own.
    fuse, guide = alone['fuse'], together['guide']
    alone = {name: cost for name, cost in alone.items() if name != 'fuse'}
    alone['guide'] = guide
    alone['gather'] = Cost(fuse.instructions - guide.instructions, fuse.cycles - guide.cycles)
    return {'board-stages': stage_table(alone, together),
            'board-share': share_words(alone, together, slices),
            'board-next': next_table(alone)}


def whole_of(stages: Mapping[str, Cost], which: tuple[str, ...] | None = None) -> Cost:
    """Return what stages take together, all unless some are named."""
    some = [cost for name, cost in stages.items() if which is None or name in which]
    return Cost(sum(cost.instructions for cost in some), sum(cost.cycles for cost in some))


def seconds(cost: Cost) -> float:
    """Return the time of cycles on one core."""
    return cost.cycles / CLOCK_MHZ / 1e6


def stage_table(alone: Mapping[str, Cost], together: Mapping[str, Cost]) -> str:
    """Return what the stages take, the greatest first."""
    whole = whole_of(alone)
    rows = [(*STAGES.get(stage, (stage, '')), cost, together.get(stage, Cost()))
            for stage, cost in sorted(alone.items(), key=lambda item: -item[1].cycles)
            if cost.cycles > 1e-3 * whole.cycles]
    few = [stage for stage, cost in alone.items() if cost.cycles <= 1e-3 * whole.cycles]
    rows.append(('all, with what takes less than a thousandth', '', whole, whole_of(together))
                if few else ('all', '', whole, whole_of(together)))
    return (
        '| Stage | Instructions, millions | Cycles, millions | Milliseconds on one core | Share '
        '| With the kernel | What the fabric has, or would need |\n'
        '| --- | --: | --: | --: | --: | --: | --- |\n' + ''.join(
            f'| {name} | {first.instructions / 1e6:,.0f} | {first.cycles / 1e6:,.0f} | '
            f'{1e3 * seconds(first):,.0f} | {first.cycles / whole.cycles:.1%} | '
            f'{1e3 * seconds(second):,.0f} | {needed} |\n'
            for name, needed, first, second in rows))


def share_words(alone: Mapping[str, Cost], together: Mapping[str, Cost], slices: int) -> str:
    """Return how much of the work the fabric does, and what else comes of the kernel."""
    whole, fabric = whole_of(alone), whole_of(alone, FABRIC)
    others = tuple(name for name in together if name not in FABRIC)
    more = seconds(whole_of(together, others)) - seconds(whole_of(alone, others))
    arriving, left = (seconds(whole_of(each, ARRIVING)) / slices for each in (alone, together))
    return (
        f'Of what the CPU would do alone the fabric does **{fabric.cycles / whole.cycles:.0%}** '
        f'of the cycles, {seconds(fabric):.1f} of\n{seconds(whole):.1f} s (estimates); '
        f'{more:.2f} s go into writing slices for it and reading what it has made. While slices\n'
        f'arrive, a slice costs {arriving:.2f} s of one core alone (the stages of `add`, with the '
        f'comparisons that run\nahead), and {left:.2f} s with the kernel (estimates).\n')


def next_table(alone: Mapping[str, Cost]) -> str:
    """Return what share the fabric would have with more and more passes."""
    whole, share = seconds(whole_of(alone)), seconds(whole_of(alone, FABRIC))
    rows = [('front, align, fuse', share)]
    for name, stages in NEXT.items():
        share += seconds(whole_of(alone, stages))
        rows.append((name, share))
    return (
        "| In the fabric, besides | Share of the CPU's cycles | One core is left with |\n"
        '| --- | --: | --: |\n' + ''.join(
            f'| {name} | {part / whole:.0%} | {whole - part:.1f} s |\n' for name, part in rows)
        + '| the rest, which is NumPy, OpenCV and Python today: first C++, then a pass each '
          '| 100% | |\n')

// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Means over windows, apart from those who call it: every window has loops of its own.

#include "volume.hpp"

#include <algorithm>

namespace focus_stacking
{
namespace
{

/// Sums of kWindow neighbours, those of wide windows by those of 4.
template<int kWindow, typename Sum>
FOCUS_STACKING_INLINE void sum_window(
  const Sum * __restrict values, int width, Sum * __restrict fours, Sum * __restrict sums)
{
  constexpr int kByFours = kWindow < 8 ? 0 : kWindow / 4 * 4;
  for (int u = 0; kByFours && u < width + kWindow - 4; ++u) {
    fours[u] = static_cast<Sum>((values[u] + values[u + 1]) + (values[u + 2] + values[u + 3]));
  }
  for (int u = 0; u < width; ++u) {
    Sum sum = 0;
    for (int k = 0; k < kByFours; k += 4) {
      sum = static_cast<Sum>(sum + fours[u + k]);
    }
    for (int k = kByFours; k < kWindow; ++k) {
      sum = static_cast<Sum>(sum + values[u + k]);
    }
    sums[u] = sum;
  }
}

/// Sums of `window` neighbours; it is odd and at most kMostWindow.
template<typename Sum>
FOCUS_STACKING_INLINE void sum_along(
  const Sum * values, int width, int window, Sum * fours, Sum * sums)
{
  static_assert(kMostWindow == 15, "every window has a case");
  switch (window) {
    case 1: return sum_window<1>(values, width, fours, sums);
    case 3: return sum_window<3>(values, width, fours, sums);
    case 5: return sum_window<5>(values, width, fours, sums);
    case 7: return sum_window<7>(values, width, fours, sums);
    case 9: return sum_window<9>(values, width, fours, sums);
    case 11: return sum_window<11>(values, width, fours, sums);
    case 13: return sum_window<13>(values, width, fours, sums);
    default: return sum_window<15>(values, width, fours, sums);
  }
}

/// Division by the pixels of a window, rounded to nearest: (sum + add) * factor >> (16 + shift).
/// Exact for all 16-bit sums that `add` still fits: a multiple of an odd number and a half is none.
struct Division
{
  uint16_t factor, shift, add;
};
constexpr Division kDivisions[] = {
  {0, 0, 0}, {29127, 2, 5}, {41943, 4, 13}, {42799, 5, 25}, {25891, 5, 40}, {4333, 3, 60},
  {12409, 5, 85}, {37283, 7, 112}};

/// Means where everything has data and sums have 16 bits, as most have.
FOCUS_STACKING_INLINE void average_narrow(
  const Plane & in, int height, int width, int window, int before, int every, Averaging & some,
  const OutPlane & out)
{
  const int across = width + window - 1;
  uint16_t * __restrict total = some.narrow.data();
  const Division division = kDivisions[window / 2];
  const uint32_t factor = division.factor;
  const int shift = division.shift;
  std::fill_n(total, across, static_cast<uint16_t>(0));
  for (int v = 0; v < height + window - 1; ++v) {
    const int16_t * __restrict entering = in.row(v);
    const int16_t * __restrict leaving = in.row(v - window);
    if (v < window) {
      for (int u = 0; u < across; ++u) {
        total[u] = static_cast<uint16_t>(total[u] + entering[u]);
      }
    } else {
      for (int u = 0; u < across; ++u) {
        total[u] = static_cast<uint16_t>(total[u] + entering[u] - leaving[u]);
      }
    }
    const int row = v - window + 1;
    if (row < 0 || (before + row) % every) {
      continue;
    }
    int16_t * __restrict to = out.row(row);
    const uint16_t * __restrict sums = some.narrow_sums.data();
    sum_along<uint16_t>(
      some.narrow.data(), width, window, some.narrow_fours.data(), some.narrow_sums.data());
    for (int u = 0; u < width; ++u) {
      const uint16_t sum = static_cast<uint16_t>(sums[u] + division.add);
      to[u] = static_cast<int16_t>(static_cast<uint16_t>((sum * factor) >> 16) >> shift);
    }
  }
}

/// Means whatever has data, and however great they are.
FOCUS_STACKING_INLINE void average_any(
  const Plane & in, int height, int width, int window, bool all, int before, int every,
  Averaging & some, const OutPlane & out)
{
  const int across = width + window - 1, reach = window / 2;
  int32_t * __restrict total = some.total.data(), * __restrict share = some.share.data();
  const float scale = 1.0f / static_cast<float>(window * window);
  for (int u = 0; u < across; ++u) {
    total[u] = share[u] = 0;
  }
  for (int v = 0; v < height + window - 1; ++v) {
    const int16_t * __restrict entering = in.row(v);
    const int16_t * __restrict leaving = in.row(v - window);
    if (all && v < window) {
      for (int u = 0; u < across; ++u) {
        total[u] += entering[u];
      }
    } else if (all) {
      for (int u = 0; u < across; ++u) {
        total[u] += entering[u] - leaving[u];
      }
    } else {
      for (int u = 0; u < across; ++u) {
        total[u] += greater(entering[u], 0);
        share[u] += entering[u] >= 0;
      }
      for (int u = 0; v >= window && u < across; ++u) {
        total[u] -= greater(leaving[u], 0);
        share[u] -= leaving[u] >= 0;
      }
    }
    const int row = v - window + 1;
    if (row < 0 || (before + row) % every) {
      continue;
    }
    int16_t * __restrict to = out.row(row);
    const int32_t * __restrict sums = some.sums.data();
    sum_along<int32_t>(some.total.data(), width, window, some.fours.data(), some.sums.data());
    if (all) {
      for (int u = 0; u < width; ++u) {
        to[u] = static_cast<int16_t>(static_cast<float>(sums[u]) * scale + 0.5f);
      }
      continue;
    }
    sum_along<int32_t>(some.share.data(), width, window, some.fours.data(), some.shares.data());
    const int32_t * __restrict shares = some.shares.data();
    const int16_t * __restrict middle = in.row(row + reach) + reach;
    for (int u = 0; u < width; ++u) {
      const float mean = static_cast<float>(sums[u]) / static_cast<float>(greater(shares[u], 1));
      const int value = static_cast<int>(mean + 0.5f);
      to[u] = static_cast<int16_t>(middle[u] < 0 ? -1 : value);
    }
  }
}

/// Means of columns `first` to `last`; `all`: whether everything there has data.
FOCUS_STACKING_INLINE void average_part(
  int first, int last, bool all, const Plane & in, int height, int window, int before, int every,
  bool narrow, Averaging & some, const OutPlane & out)
{
  const Plane from{in.first + first, in.stride};
  const OutPlane to{out.first + first, out.stride};
  if (all && narrow) {
    average_narrow(from, height, last - first, window, before, every, some, to);
  } else {
    average_any(from, height, last - first, window, all, before, every, some, to);
  }
}

}  // namespace

FOCUS_STACKING_CLONES
Values averaged(
  const Plane & in, int height, int width, int window, int before, int every, Averaging & some,
  const OutPlane & out)
{
  const int across = width + window - 1, down = height + window - 1;
  int16_t * __restrict least = some.least.data(), * __restrict most = some.most.data();
  std::copy_n(in.row(0), across, least);
  std::copy_n(in.row(0), across, most);
  for (int v = 1; v < down; ++v) {
    const int16_t * __restrict here = in.row(v);
    for (int u = 0; u < across; ++u) {
      least[u] = here[u] < least[u] ? here[u] : least[u];
      most[u] = here[u] > most[u] ? here[u] : most[u];
    }
  }
  int16_t lowest = 0, highest = 0;
  for (int u = 0; u < across; ++u) {
    lowest = least[u] < lowest ? least[u] : lowest;
    highest = most[u] > highest ? most[u] : highest;
  }
  const Values found{lowest >= 0, highest};
  if (window == 1) {
    for (int v = 0; v < height; ++v) {
      if ((before + v) % every == 0) {
        std::copy_n(in.row(v), width, out.row(v));
      }
    }
    return found;
  }
  const bool narrow = highest * window * window + kDivisions[window / 2].add < 65536;
  // Between what lacks data left and right everything has it.
  int first = 0, last = across;
  for (; first < across && least[first] < 0; ++first) {
  }
  for (; last > first && least[last - 1] < 0; --last) {
  }
  bool all = true;
  for (int u = first; u < last; ++u) {
    all &= least[u] >= 0;
  }
  const int until = last - window + 1;  // outputs from `first` to here
  // Of what is written once here the compiler makes loops for every window.
  const bool whole = !all || until <= first;
  const struct {int first, last; bool all;} parts[] = {
    {0, whole ? width : first, false}, {first, whole ? first : until, true},
    {until, whole ? until : width, false}};
  for (const auto & part : parts) {
    if (part.first < part.last) {
      average_part(
        part.first, part.last, part.all, in, height, window, before, every, narrow, some, out);
    }
  }
  return found;
}

}  // namespace focus_stacking

// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Means over windows, apart from those who call it: every window has loops of its own.

#include "volume.hpp"

namespace focus_stacking
{
namespace
{

/// Sums of kWindow neighbours, those of wide windows by those of 4.
template<int kWindow>
FOCUS_STACKING_INLINE void sum_window(
  const int32_t * __restrict values, int width, int32_t * __restrict fours,
  int32_t * __restrict sums)
{
  constexpr int kByFours = kWindow < 8 ? 0 : kWindow / 4 * 4;
  for (int u = 0; kByFours && u < width + kWindow - 4; ++u) {
    fours[u] = (values[u] + values[u + 1]) + (values[u + 2] + values[u + 3]);
  }
  for (int u = 0; u < width; ++u) {
    int32_t sum = 0;
    for (int k = 0; k < kByFours; k += 4) {
      sum += fours[u + k];
    }
    for (int k = kByFours; k < kWindow; ++k) {
      sum += values[u + k];
    }
    sums[u] = sum;
  }
}

/// Sums of `window` neighbours; it is odd and at most kMostWindow.
FOCUS_STACKING_INLINE void sum_along(
  const int32_t * values, int width, int window, int32_t * fours, int32_t * sums)
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

}  // namespace

FOCUS_STACKING_CLONES
void averaged(
  const int16_t * in, int height, int width, int window, bool all, int before, int every,
  Averaging & some, int16_t * out)
{
  const int across = width + window - 1, reach = window / 2;
  int32_t * __restrict total = some.total.data(), * __restrict share = some.share.data();
  const float scale = 1.0f / static_cast<float>(window * window);
  for (int u = 0; u < across; ++u) {
    total[u] = share[u] = 0;
  }
  for (int v = 0; v < height + window - 1; ++v) {
    const int16_t * __restrict entering = in + static_cast<size_t>(v) * across;
    const int16_t * __restrict leaving = entering - static_cast<size_t>(window) * across;
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
    int16_t * __restrict to = out + static_cast<size_t>(row) * width;
    const int32_t * __restrict sums = some.sums.data();
    sum_along(some.total.data(), width, window, some.fours.data(), some.sums.data());
    if (all) {
      for (int u = 0; u < width; ++u) {
        to[u] = static_cast<int16_t>(static_cast<float>(sums[u]) * scale + 0.5f);
      }
      continue;
    }
    sum_along(some.share.data(), width, window, some.fours.data(), some.shares.data());
    const int32_t * __restrict shares = some.shares.data();
    const int16_t * __restrict middle = in + static_cast<size_t>(row + reach) * across + reach;
    for (int u = 0; u < width; ++u) {
      const float mean = static_cast<float>(sums[u]) / static_cast<float>(greater(shares[u], 1));
      const int value = static_cast<int>(mean + 0.5f);
      to[u] = static_cast<int16_t>(middle[u] < 0 ? -1 : value);
    }
  }
}

}  // namespace focus_stacking

// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Columns of a row whose pixels lie beside each other in the slice, too.

#ifndef FOCUS_STACKING_RUNS_HPP
#define FOCUS_STACKING_RUNS_HPP

#include "native.hpp"

#include <vector>

namespace focus_stacking
{

/// Columns whose first pixels in the slice lie as far from each other as they do.
struct Run
{
  int begin, end, shift;
};

/// Finds the runs of columns from `left` to `right` by where their first pixels lie, of every
/// `kStep`-th column only.
template<int kStep = 1>
FOCUS_STACKING_INLINE void find_runs(
  const int32_t * __restrict offset, int left, int right, std::vector<Run> & runs)
{
  constexpr int kLook = 16;  // columns that are looked at together
  runs.clear();
  for (int u = left; u < right; ) {
    const int begin = u, shift = offset[u] - kStep * u;
    for (int differs = 0; u + kLook <= right; u += kLook) {
      for (int k = 0; k < kLook; ++k) {
        differs |= (offset[u + k] - kStep * (u + k)) ^ shift;
      }
      if (differs != 0) {
        break;
      }
    }
    while (u < right && offset[u] - kStep * u == shift) {
      ++u;
    }
    runs.push_back({begin, u, shift});
  }
}

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_RUNS_HPP

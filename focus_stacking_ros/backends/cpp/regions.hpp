// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Connected regions of a mask.

#ifndef FOCUS_STACKING_REGIONS_HPP
#define FOCUS_STACKING_REGIONS_HPP

#include "native.hpp"

#include <vector>

namespace focus_stacking
{

/// Numbers the regions of what is not 0, neighbours along the axes joined, in the order of their
/// first pixels from 1 on; returns how many numbers there are with 0, which is all else.
inline int number_regions(const uint8_t * mask, int rows, int columns, int32_t * labels)
{
  struct Run
  {
    int begin, end, row;
  };
  std::vector<Run> runs;
  std::vector<int32_t> parents;
  const auto root = [&](int run) {
      while (parents[run] != run) {
        run = parents[run] = parents[parents[run]];
      }
      return run;
    };
  size_t above = 0;  // first run of the row before
  for (int v = 0; v < rows; ++v) {
    const uint8_t * line = mask + static_cast<size_t>(v) * columns;
    const size_t first = runs.size();
    size_t other = above;
    for (int u = 0; u < columns; ) {
      if (!line[u]) {
        ++u;
        continue;
      }
      const int begin = u;
      while (u < columns && line[u]) {
        ++u;
      }
      const auto number = static_cast<int32_t>(runs.size());
      runs.push_back({begin, u, v});
      parents.push_back(number);
      while (other < first && runs[other].end <= begin) {
        ++other;
      }
      for (size_t k = other; k < first && runs[k].begin < u; ++k) {
        const int one = root(number), two = root(static_cast<int>(k));
        parents[greater(one, two)] = smaller(one, two);
      }
    }
    above = first;
  }
  int count = 1;
  std::vector<int32_t> numbers(runs.size());
  for (size_t k = 0; k < runs.size(); ++k) {
    const int top = root(static_cast<int>(k));
    numbers[k] = top == static_cast<int>(k) ? count++ : numbers[top];
    int32_t * line = labels + static_cast<size_t>(runs[k].row) * columns;
    for (int u = runs[k].begin; u < runs[k].end; ++u) {
      line[u] = numbers[k];
    }
  }
  return count;
}

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_REGIONS_HPP

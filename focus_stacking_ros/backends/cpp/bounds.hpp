// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Parts of planes.

#ifndef FOCUS_STACKING_BOUNDS_HPP
#define FOCUS_STACKING_BOUNDS_HPP

#include "native.hpp"

#include <vector>

namespace focus_stacking
{

/// Rows and columns of a plane, those after the last not among them.
struct Bounds
{
  int top, left, bottom, right;

  int height() const {return bottom - top;}
  int width() const {return right - left;}
  bool empty() const {return top >= bottom || left >= right;}
  size_t size() const {return static_cast<size_t>(height()) * width();}
  Bounds grown(int margin, const Bounds & within) const
  {
    return {greater(top - margin, within.top), greater(left - margin, within.left),
      smaller(bottom + margin, within.bottom), smaller(right + margin, within.right)};
  }
};

/// The least part that has all of what is not 0 in a part, whose plane it is; empty if nothing is.
FOCUS_STACKING_INLINE Bounds bounds_of(const std::vector<uint8_t> & mask, const Bounds & all)
{
  Bounds found{all.bottom, all.right, all.top, all.left};
  for (int v = 0; v < all.height(); ++v) {
    const uint8_t * line = mask.data() + static_cast<size_t>(v) * all.width();
    uint8_t any = 0;
    for (int u = 0; u < all.width(); ++u) {
      any = static_cast<uint8_t>(any | line[u]);
    }
    if (!any) {
      continue;
    }
    found.top = smaller(found.top, all.top + v);
    found.bottom = all.top + v + 1;
    int first = 0, last = all.width();
    for (; !line[first]; ++first) {
    }
    for (; !line[last - 1]; --last) {
    }
    found.left = smaller(found.left, all.left + first);
    found.right = greater(found.right, all.left + last);
  }
  return found;
}

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_BOUNDS_HPP

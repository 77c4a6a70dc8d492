// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Where an index jumps between a near and a far surface that are both sure of it.

#ifndef FOCUS_STACKING_JUMPS_HPP
#define FOCUS_STACKING_JUMPS_HPP

#include "bounds.hpp"
#include "extremes.hpp"
#include "rims.hpp"

#include <cmath>
#include <vector>

namespace focus_stacking
{

enum Side : uint8_t {kNeither = 0, kNear = 1, kFar = 2};

/// Jumps within some part of the index.
class Jumps
{
public:
  Jumps(const RimJob & job, const Bounds & within)
  : job_(job), within_(within) {}

  /// Finds where the index jumps, and the side of each pixel there; returns whether it does.
  FOCUS_STACKING_INLINE bool find()
  {
    const Bounds all = within_;
    std::vector<float> low(all.size()), high(all.size());
    window(all, job_.reach, low, high);
    std::vector<uint8_t> steep(all.size());
    for (size_t k = 0; k < steep.size(); ++k) {
      steep[k] = high[k] - low[k] > job_.step;
    }
    jumping_ = bounds_of(steep, all);
    if (jumping_.empty()) {
      return false;
    }
    // Over twice the distance a slope rises twice as far, and a step no farther.
    const Bounds some = jumping_.grown(job_.reach + job_.reach / 2, all);
    std::vector<float> lower(some.size()), higher(some.size()), sudden(some.size());
    window(some, job_.reach / 2, lower, higher);
    for (int v = 0; v < some.height(); ++v) {
      const size_t at = static_cast<size_t>(v) * some.width();
      const size_t there = static_cast<size_t>(some.top - all.top + v) * all.width() +
        some.left - all.left;
      for (int u = 0; u < some.width(); ++u) {
        sudden[at + u] = 2 * (higher[at + u] - lower[at + u]) - (high[there + u] - low[there + u]);
      }
    }
    extremes(sudden.data(), some.width(), some.height(), some.width(), job_.reach, -INFINITY,
      Greatest(), scratch_, higher.data());
    const Bounds here = jumping_;
    side_.assign(here.size(), kNeither);
    for (int v = here.top; v < here.bottom; ++v) {
      const size_t in_some = static_cast<size_t>(v - some.top) * some.width() +
        here.left - some.left;
      const size_t in_all = static_cast<size_t>(v - all.top) * all.width() + here.left - all.left;
      const float * __restrict abrupt = higher.data() + in_some, * __restrict value =
        index(v, here.left);
      const float * __restrict least = low.data() + in_all, * __restrict most = high.data() +
        in_all;
      uint8_t * __restrict side = side_.data() + static_cast<size_t>(v - here.top) * here.width();
      for (int u = 0; u < here.width(); ++u) {
        const bool jumps = (abrupt[u] > job_.step) & (most[u] - least[u] > job_.step);
        side[u] = !jumps ? kNeither : value[u] < (least[u] + most[u]) / 2 ? kNear : kFar;
      }
    }
    return true;
  }

  /// Keeps what has confidence on both sides; returns whether anything has.
  FOCUS_STACKING_INLINE bool confirm()
  {
    const Bounds here = jumping_;
    std::vector<uint8_t> sure(here.size()), seen(here.size());
    mask_.assign(here.size(), 1);
    for (const uint8_t wanted : {kNear, kFar}) {
      for (int v = 0; v < here.height(); ++v) {
        const size_t at = static_cast<size_t>(v) * here.width();
        const float * confidence = job_.confidence +
          static_cast<size_t>(here.top + v) * job_.columns + here.left;
        for (int u = 0; u < here.width(); ++u) {
          sure[at + u] = (side_[at + u] == wanted) & (confidence[u] > job_.sure);
        }
      }
      extremes(sure.data(), here.width(), here.height(), here.width(), job_.confirmed,
        static_cast<uint8_t>(0), Greatest(), bytes_, seen.data());
      for (size_t k = 0; k < seen.size(); ++k) {
        mask_[k] = static_cast<uint8_t>(mask_[k] & seen[k] & (side_[k] != kNeither));
      }
    }
    known_ = bounds_of(mask_, here);
    return !known_.empty();
  }

  /// What has jumps; where both sides are known.
  const Bounds & jumping() const {return jumping_;}
  const Bounds & known() const {return known_;}

  /// Sides of a row, from the first column that has jumps on.
  const uint8_t * sides(int v) const
  {
    return side_.data() + static_cast<size_t>(v - jumping_.top) * jumping_.width();
  }

  bool is_known(int v, int u) const
  {
    return mask_[static_cast<size_t>(v - jumping_.top) * jumping_.width() + u - jumping_.left] != 0;
  }

  const float * index(int v, int u) const
  {
    return job_.index + static_cast<size_t>(v) * job_.columns + u;
  }

private:
  /// Least and greatest index of windows.
  FOCUS_STACKING_INLINE void window(
    const Bounds & area, int reach, std::vector<float> & low, std::vector<float> & high)
  {
    extremes(index(area.top, area.left), job_.columns, area.height(), area.width(), reach,
      INFINITY, Least(), scratch_, low.data());
    extremes(index(area.top, area.left), job_.columns, area.height(), area.width(), reach,
      -INFINITY, Greatest(), scratch_, high.data());
  }

  const RimJob & job_;
  const Bounds within_;
  Bounds jumping_{}, known_{};
  std::vector<float> scratch_;
  std::vector<uint8_t> bytes_, side_, mask_;  // the latter two of jumping_
};

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_JUMPS_HPP

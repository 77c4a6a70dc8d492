// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Responses smoothed over slices: `core.depth.volume.FocusVolume._blended`.

#ifndef FOCUS_STACKING_BLENDED_HPP
#define FOCUS_STACKING_BLENDED_HPP

#include "floats.hpp"
#include "lanes.hpp"
#include "volume.hpp"

#include <vector>

namespace focus_stacking
{

/// Smoothes responses over slices.
class Blended
{
public:
  /// `weights`: (slices, slices), null where nothing is smoothed.
  Blended(const float * weights, int slices)
  : weights_(weights), slices_(slices), valid_from_(static_cast<size_t>(slices) * kBlockColumns)
  {
    if (!weights) {
      return;
    }
    values_.resize(2 * valid_from_);
    smoothed_.resize(valid_from_);
    for (int n = 0; n < slices; ++n) {
      const float * row = weights + static_cast<size_t>(n) * slices;
      Range range{0, slices, 0.0f};
      while (range.begin < n && row[range.begin] == 0) {
        ++range.begin;
      }
      while (range.end > n + 1 && row[range.end - 1] == 0) {
        --range.end;
      }
      for (int j = range.begin; j < range.end; ++j) {
        range.usual += row[j];
      }
      ranges_.push_back(range);
    }
  }

  explicit operator bool() const {return weights_ != nullptr;}

  /// The smoothed responses of the last row.
  Curves curves() const {return Curves{smoothed_.data(), kBlockColumns};}

  /// Smoothes a row and finds each greatest, the first of equals. `complete`: 1 where all slices
  /// have data.
  FOCUS_STACKING_INLINE void greatest_of_row(
    const Curves & curves, int width, const float * complete, int16_t * top, uint16_t * number)
  {
    // Where data is lacking the weights of what has some are summed up, too.
    bool all = true, complete_there[kBlockColumns / kAtOnce];
    for (int k = 0; k * kAtOnce < width; ++k) {
      complete_there[k] = true;
      for (int u = k * kAtOnce; u < smaller((k + 1) * kAtOnce, width); ++u) {
        complete_there[k] &= complete[u] > 0;
      }
      all &= complete_there[k];
    }
    for (int n = 0; n < slices_; ++n) {
      const int16_t * __restrict from = curves.first + n * curves.to_next;
      float * __restrict value = values_.data() + static_cast<size_t>(n) * kBlockColumns;
      float * __restrict valid = value + valid_from_;
      for (int u = 0; u < width; ++u) {
        value[u] = static_cast<float>(greater(from[u], 0));
      }
      for (int u = 0; u < width && !all; ++u) {
        valid[u] = from[u] >= 0 ? 1.0f : 0.0f;
      }
    }
    Line tops, numbers;
    for (int n = 0; n < slices_; ++n) {
      for (int k = 0; k * kAtOnce < width; ++k) {
        if (complete_there[k]) {
          smooth<true>(n, k * kAtOnce, tops, numbers);
        } else {
          smooth<false>(n, k * kAtOnce, tops, numbers);
        }
      }
    }
    for (int u = 0; u < width; ++u) {
      top[u] = static_cast<int16_t>(tops[u]);
      number[u] = static_cast<uint16_t>(numbers[u]);
    }
  }

private:
  struct Range
  {
    int begin, end;
    float usual;
  };

  static constexpr int kTogether = 4, kAtOnce = kTogether * kLanes;

  /// Smoothes so many pixels from `u` on.
  template<bool kAll>
  FOCUS_STACKING_INLINE void smooth(
    int n, int u, float * __restrict tops, float * __restrict numbers)
  {
    constexpr float kRounding = 12582912.0f;
    const float * weights = weights_ + static_cast<size_t>(n) * slices_;
    const Range range = ranges_[n];
    const float usual = most(range.usual, 1e-6f), current = static_cast<float>(n);
    int16_t * __restrict to = smoothed_.data() + static_cast<size_t>(n) * kBlockColumns;
    const float * own = values_.data() + valid_from_ + static_cast<size_t>(n) * kBlockColumns;
    Lanes sums[kTogether], shares[kTogether];
    for (int k = 0; k < kTogether; ++k) {
      sums[k] = Lanes{};
      shares[k] = Lanes{};
    }
    for (int j = range.begin; j < range.end; ++j) {
      const float * from = values_.data() + static_cast<size_t>(j) * kBlockColumns + u;
      for (int k = 0; k < kTogether; ++k) {
        Lanes value;
        load(value, from + k * kLanes);
        sums[k] += value * weights[j];
        if (!kAll) {
          load(value, from + valid_from_ + k * kLanes);
          shares[k] += value * weights[j];
        }
      }
    }
    float sum[kTogether * kLanes], share[kTogether * kLanes];
    std::memcpy(sum, sums, sizeof sum);
    std::memcpy(share, shares, sizeof share);
    for (int k = 0; k < kTogether * kLanes; ++k) {
      const float mean = (sum[k] / (kAll ? usual : most(share[k], 1e-6f)) + kRounding) -
        kRounding;
      const float value = kAll || own[u + k] > 0 ? mean : -1.0f;
      const bool won = n == 0 || value > tops[u + k];
      numbers[u + k] = won ? current : numbers[u + k];
      tops[u + k] = won ? value : tops[u + k];
      to[u + k] = static_cast<int16_t>(value);
    }
  }

  const float * weights_;
  int slices_;
  size_t valid_from_;
  std::vector<float> values_;
  std::vector<int16_t> smoothed_;
  std::vector<Range> ranges_;
};

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_BLENDED_HPP

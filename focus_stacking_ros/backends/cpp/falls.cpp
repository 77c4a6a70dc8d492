// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// How far the mean focus curve of a stack has fallen beside its peak.

#include "parallel.hpp"
#include "volume.hpp"

#include <algorithm>

namespace focus_stacking
{
namespace
{

/// Sums of one lag.
struct Sums
{
  double count, best, beside, square;
};

/// Adds a row's pixels that tell to the sums of every lag.
FOCUS_STACKING_INLINE void add_row(
  const Falls & falls, int which, const Block & block, int v, const int16_t * row,
  size_t from_slice_to_slice, const int16_t * top, const uint16_t * number, Sums * sums)
{
  const Volume & volume = falls.volume;
  const int last = volume.count - 1;
  const float * floor = falls.floors[which] +
    static_cast<size_t>(block.top + v) * volume.columns + block.left;
  for (int u = 0; u < block.width; u += falls.step) {
    const float best = top[u] * kGreyStep - floor[u];
    if (!(best > falls.clear[which] * floor[u] && best > falls.clear_signal)) {
      continue;
    }
    const int here = number[u];
    for (int k = 0; k < falls.lags; ++k) {
      const int lag = falls.first_lag + k;
      if (!falls.ends && (here < lag || here > last - lag)) {
        break;
      }
      double beside = 0, square = 0;
      for (int side : {-1, 1}) {
        const int other = falls.ends ? (here > 0 ? here - 1 : smaller(here + 1, last)) :
          here + side * lag;
        if (falls.ends && (side > 0 || other == here)) {
          continue;
        }
        const float offset = volume.steps[other] - volume.steps[here];
        beside += row[other * from_slice_to_slice + u] * kGreyStep - floor[u];
        square += best * (offset * offset);
      }
      if (falls.ends && last == 0) {
        continue;
      }
      sums[k].count += 1;
      sums[k].best += best;
      sums[k].beside += beside;
      sums[k].square += square;
    }
  }
}

}  // namespace

FOCUS_STACKING_CLONES
void falls_of_rows(const Falls & falls, int first, int last, double * sums, int16_t * greatest)
{
  const Volume & volume = falls.volume;
  int margin = 0;
  for (int window : falls.wider) {
    margin = greater(margin, window / 2);
  }
  Averaged averaged(volume, margin);
  const size_t grown =
    static_cast<size_t>(kBlockRows + 2 * margin) * (kBlockColumns + 2 * margin);
  const size_t plain = static_cast<size_t>(kBlockRows) * kBlockColumns;
  std::unique_ptr<int16_t[]> base(new int16_t[grown]);
  std::unique_ptr<int16_t[]> volumes[kFalls];
  for (auto & each : volumes) {
    each.reset(new int16_t[plain * volume.count]);
  }
  int16_t top[kBlockColumns];
  uint16_t number[kBlockColumns];
  auto * all = reinterpret_cast<Sums *>(sums);
  for (int left = 0; left < volume.columns; left += kBlockColumns) {
    const Block block{first, left, last - first, smaller(kBlockColumns, volume.columns - left)};
    for (int n = 0; n < volume.count; ++n) {
      averaged.base(block, n, base.get());
      for (int k = 0; k < kFalls; ++k) {
        averaged.wider(block, base.get(), falls.wider[k], nullptr, k ? falls.step : 1,
          volumes[k].get() + plain * n);
      }
    }
    for (int v = 0; v < block.height; ++v) {
      for (int k = 0; k < kFalls; ++k) {
        const bool told = (first + v) % falls.step == 0;
        if (k > 0 && !told) {
          continue;
        }
        const int16_t * row = volumes[k].get() + static_cast<size_t>(v) * block.width;
        greatest_of_row(row, plain, volume.count, block.width, top, number);
        if (k == 0) {
          std::memcpy(greatest + static_cast<size_t>(first + v) * volume.columns + left, top,
            sizeof *top * block.width);
        }
        if (told) {
          add_row(falls, k, block, v, row, plain, top, number, all + k * falls.lags);
        }
      }
    }
  }
}

}  // namespace focus_stacking

int32_t focus_stacking_native_falls(
  const focus_stacking::Falls * falls, double * sums, int16_t * greatest)
{
  using focus_stacking::kFalls;
  using focus_stacking::kBlockRows;
  return focus_stacking::guarded([&] {
    const int rows = falls->volume.rows, bands = (rows + kBlockRows - 1) / kBlockRows;
    const size_t each = static_cast<size_t>(kFalls) * falls->lags * 4;
    std::vector<double> parts(each * bands);
    focus_stacking::in_bands(rows, kBlockRows, [&](int number, int first, int last) {
      focus_stacking::falls_of_rows(*falls, first, last, parts.data() + each * number, greatest);
    });
    std::fill(sums, sums + each, 0.0);
    for (int band = 0; band < bands; ++band) {
      for (size_t k = 0; k < each; ++k) {
        sums[k] += parts[band * each + k];
      }
    }
  });
}

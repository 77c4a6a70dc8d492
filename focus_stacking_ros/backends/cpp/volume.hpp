// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Responses of all slices in a block, averaged over windows: `core.focus.measure.averaged`.

#ifndef FOCUS_STACKING_VOLUME_HPP
#define FOCUS_STACKING_VOLUME_HPP

#include "depth.hpp"
#include "floats.hpp"

#include <memory>
#include <vector>

namespace focus_stacking
{

/// Rows and columns of a block: small enough for the cache with all its slices, but most of what is
/// around it is its own.
constexpr int kBlockRows = 32, kBlockColumns = 256;
constexpr float kGreyStep = 1.0f / 16;

struct Block
{
  int top, left, height, width;
};

/// What averaging needs, for widths of a block and its margins.
struct Averaging
{
  explicit Averaging(int across)
  : total(across), share(across), doubled(across), sums(across), shares(across) {}

  std::vector<int32_t> total, share, doubled, sums, shares;
};

/// Sums of `window` neighbours: those of 1, 2, 4 and so on, of which the window consists.
FOCUS_STACKING_INLINE void sum_along(
  const int32_t * __restrict values, int width, int window, int32_t * __restrict doubled,
  int32_t * __restrict sums)
{
  const int across = width + window - 1;
  for (int u = 0; u < across; ++u) {
    doubled[u] = values[u];
  }
  for (int u = 0; u < width; ++u) {
    sums[u] = 0;
  }
  int done = 0, size = 1;
  for (int rest = window; ; size *= 2) {
    if (rest & 1) {
      for (int u = 0; u < width; ++u) {
        sums[u] += doubled[u + done];
      }
      done += size;
    }
    rest >>= 1;
    if (!rest) {
      return;
    }
    for (int u = 0; u < across - size; ++u) {
      doubled[u] += doubled[u + size];
    }
  }
}

/// Means over a window of what has data, -1 where there is none: of (height + window - 1, width +
/// window - 1) to (height, width), both without gaps. `all`: whether everything has data.
FOCUS_STACKING_INLINE void averaged(
  const int16_t * in, int height, int width, int window, bool all, Averaging & some, int16_t * out)
{
  const int across = width + window - 1, reach = window / 2;
  int32_t * __restrict total = some.total.data(), * __restrict share = some.share.data();
  const float scale = 1.0f / static_cast<float>(window * window);
  for (int u = 0; u < across; ++u) {
    total[u] = share[u] = 0;
  }
  for (int v = 0; v < height + window - 1; ++v) {
    const int16_t * __restrict entering = in + static_cast<size_t>(v) * across;
    if (all) {
      for (int u = 0; u < across; ++u) {
        total[u] += entering[u];
      }
    } else {
      for (int u = 0; u < across; ++u) {
        total[u] += greater(entering[u], 0);
        share[u] += entering[u] >= 0;
      }
    }
    const int row = v - window + 1;
    if (row < 0) {
      continue;
    }
    int16_t * __restrict to = out + static_cast<size_t>(row) * width;
    const int32_t * __restrict sums = some.sums.data();
    sum_along(some.total.data(), width, window, some.doubled.data(), some.sums.data());
    const int16_t * __restrict leaving = in + static_cast<size_t>(row) * across;
    if (all) {
      for (int u = 0; u < width; ++u) {
        to[u] = static_cast<int16_t>(static_cast<float>(sums[u]) * scale + 0.5f);
      }
      for (int u = 0; u < across; ++u) {
        total[u] -= leaving[u];
      }
      continue;
    }
    sum_along(some.share.data(), width, window, some.doubled.data(), some.shares.data());
    const int32_t * __restrict shares = some.shares.data();
    const int16_t * __restrict middle = in + static_cast<size_t>(row + reach) * across + reach;
    for (int u = 0; u < width; ++u) {
      const float mean = static_cast<float>(sums[u]) / static_cast<float>(greater(shares[u], 1));
      const int value = static_cast<int>(mean + 0.5f);
      to[u] = static_cast<int16_t>(middle[u] < 0 ? -1 : value);
    }
    for (int u = 0; u < across; ++u) {
      total[u] -= greater(leaving[u], 0);
      share[u] -= leaving[u] >= 0;
    }
  }
}

/// Whether nothing is below 0.
FOCUS_STACKING_INLINE bool has_data(const int16_t * values, size_t count)
{
  int16_t lowest = 0;
  for (size_t k = 0; k < count; ++k) {
    lowest = values[k] < lowest ? values[k] : lowest;
  }
  return lowest >= 0;
}

/// Averages slices in blocks of a volume.
class Averaged
{
public:
  /// `margin`: pixels around a block whose averages are wanted, too.
  Averaged(const Volume & volume, int margin)
  : volume_(volume), margin_(margin), around_(margin + volume.window / 2),
    some_(kBlockColumns + 2 * around_ + kMostWindow),
    cut_(static_cast<size_t>(kBlockRows + 2 * around_) * (kBlockColumns + 2 * around_)),
    columns_(kBlockColumns + 2 * around_) {}

  /// Means of a slice in a block with its margin; what lies beyond the rim is reflected.
  FOCUS_STACKING_INLINE void base(const Block & block, int number, int16_t * out)
  {
    const int height = block.height + 2 * around_, width = block.width + 2 * around_;
    for (int u = 0; u < width; ++u) {
      columns_[u] = reflected(block.left - around_ + u, volume_.columns);
    }
    const bool inside = block.left >= around_ && block.left - around_ + width <= volume_.columns;
    for (int v = 0; v < height; ++v) {
      const int16_t * from = volume_.planes[number] + static_cast<size_t>(volume_.columns) *
        reflected(block.top - around_ + v, volume_.rows);
      int16_t * to = cut_.data() + static_cast<size_t>(v) * width;
      if (inside) {
        std::memcpy(to, from + block.left - around_, sizeof *to * width);
      } else {
        for (int u = 0; u < width; ++u) {
          to[u] = from[columns_[u]];
        }
      }
    }
    all_ = has_data(cut_.data(), static_cast<size_t>(height) * width);
    averaged(cut_.data(), block.height + 2 * margin_, block.width + 2 * margin_, volume_.window,
      all_, some_, out);
  }

  /// Means over a further window of `base`, of what is at most `ceiling` where that is not null.
  FOCUS_STACKING_INLINE void wider(
    const Block & block, const int16_t * base, int window, const int16_t * ceiling, int16_t * out)
  {
    const int reach = window / 2, skipped = margin_ - reach;
    const int height = block.height + 2 * reach, width = block.width + 2 * reach;
    const int stride = block.width + 2 * margin_;
    for (int v = 0; v < height; ++v) {
      const size_t at = static_cast<size_t>(v + skipped) * stride + skipped;
      int16_t * __restrict to = cut_.data() + static_cast<size_t>(v) * width;
      if (!ceiling) {
        std::memcpy(to, base + at, sizeof *to * width);
        continue;
      }
      const int16_t * __restrict from = base + at, * __restrict top = ceiling + at;
      for (int u = 0; u < width; ++u) {
        to[u] = from[u] < top[u] ? from[u] : top[u];
      }
    }
    averaged(cut_.data(), block.height, block.width, window, all_, some_, out);
  }

  int margin() const {return margin_;}

private:
  const Volume & volume_;
  int margin_, around_;
  Averaging some_;
  std::vector<int16_t> cut_;
  std::vector<int> columns_;
  bool all_ = true;
};

/// Greatest value of a row over the slices and the slice that has it, the first of equals.
FOCUS_STACKING_INLINE void greatest_of_row(
  const int16_t * values, size_t from_slice_to_slice, int count, int width,
  int16_t * __restrict top, uint16_t * __restrict number)
{
  std::memcpy(top, values, sizeof *top * width);
  std::memset(number, 0, sizeof *number * width);
  for (int n = 1; n < count; ++n) {
    const int16_t * __restrict here = values + n * from_slice_to_slice;
    const uint16_t current = static_cast<uint16_t>(n);
    for (int u = 0; u < width; ++u) {
      number[u] = here[u] > top[u] ? current : number[u];
      top[u] = here[u] > top[u] ? here[u] : top[u];
    }
  }
}

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_VOLUME_HPP

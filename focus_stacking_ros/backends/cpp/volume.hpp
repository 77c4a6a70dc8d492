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

typedef float Line[kBlockColumns];

/// A row of one window's responses, the first slice's, and how far it is to the next slice's.
struct Curves
{
  const int16_t * first;
  size_t to_next;
};

/// What averaging needs, for widths of a block and its margins.
struct Averaging
{
  explicit Averaging(int across)
  : total(across), share(across), fours(across), sums(across), shares(across), narrow(across),
    narrow_fours(across), narrow_sums(across), least(across), most(across) {}

  std::vector<int32_t> total, share, fours, sums, shares;
  std::vector<uint16_t> narrow, narrow_fours, narrow_sums;
  std::vector<int16_t> least, most;
};

/// Rows of values, `stride` from each to the next.
struct Plane
{
  const int16_t * first;
  ptrdiff_t stride;

  FOCUS_STACKING_INLINE const int16_t * row(int v) const {return first + v * stride;}
};
struct OutPlane
{
  int16_t * first;
  ptrdiff_t stride;

  FOCUS_STACKING_INLINE int16_t * row(int v) const {return first + v * stride;}
};

/// What is known of values that were averaged.
struct Values
{
  bool all;  // whether none is below 0
  int16_t highest;
};

/// Means over a window of what has data, -1 where there is none: of (height + window - 1, width +
/// window - 1) to (height, width). `window` is odd and at most kMostWindow. Only of every so many
/// rows, counted from the one `before` the first.
Values averaged(
  const Plane & in, int height, int width, int window, int before, int every, Averaging & some,
  const OutPlane & out);

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
    const int top = block.top - around_, begin = block.left - around_;
    const int rows = volume_.rows, columns = volume_.columns;
    const int16_t * plane = volume_.planes[number];
    Plane in{plane + static_cast<ptrdiff_t>(top) * columns + begin, columns};
    if (top < 0 || begin < 0 || top + height > rows || begin + width > columns) {
      // Of a line these lie within the plane, and what is left and right of them is reflected.
      const int first = smaller(greater(-begin, 0), width);
      const int last = greater(smaller(columns - begin, width), first);
      for (int u = 0; u < width; ++u) {
        columns_[u] = u < first || u >= last ? reflected(begin + u, columns) : begin + u;
      }
      for (int v = 0; v < height; ++v) {
        const int16_t * from = plane + static_cast<size_t>(columns) * reflected(top + v, rows);
        int16_t * to = cut_.data() + static_cast<size_t>(v) * width;
        for (int u = 0; u < first; ++u) {
          to[u] = from[columns_[u]];
        }
        std::memcpy(to + first, from + begin + first, sizeof *to * (last - first));
        for (int u = last; u < width; ++u) {
          to[u] = from[columns_[u]];
        }
      }
      in = {cut_.data(), width};
    }
    if (number + 1 < volume_.count) {
      const int16_t * next = volume_.planes[number + 1] + greater(begin, 0);
      const int some = smaller(begin + width, columns) - greater(begin, 0);
      for (int v = greater(top, 0); v < smaller(top + height, rows); ++v) {
        fetch_ahead(next + static_cast<size_t>(v) * columns, sizeof *next * some);
      }
    }
    const int wide = block.width + 2 * margin_;
    all_ = averaged(
      in, block.height + 2 * margin_, wide, volume_.window, 0, 1, some_, {out, wide}).all;
  }

  /// Means over a further window of `base`, of what is at most `ceiling` where that is not null,
  /// in every so many rows of the plane.
  FOCUS_STACKING_INLINE void wider(
    const Block & block, const int16_t * base, int window, const int16_t * ceiling, int every,
    int16_t * out)
  {
    const int reach = window / 2, skipped = margin_ - reach;
    const int height = block.height + 2 * reach, width = block.width + 2 * reach;
    const int stride = block.width + 2 * margin_;
    Plane in{base + static_cast<ptrdiff_t>(skipped) * stride + skipped, stride};
    if (ceiling) {
      for (int v = 0; v < height; ++v) {
        const int16_t * __restrict from = in.row(v);
        const int16_t * __restrict top = ceiling + (from - base);
        int16_t * __restrict to = cut_.data() + static_cast<size_t>(v) * width;
        for (int u = 0; u < width; ++u) {
          to[u] = from[u] < top[u] ? from[u] : top[u];
        }
      }
      in = {cut_.data(), width};
    }
    averaged(in, block.height, block.width, window, block.top, every, some_, {out, block.width});
  }

  int margin() const {return margin_;}

  /// Whether the slice has data everywhere in the last block.
  bool all() const {return all_;}

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

// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Where the slices lie in a tile, and their sharpness in a block of it.

#ifndef FOCUS_STACKING_TILE_SLICES_HPP
#define FOCUS_STACKING_TILE_SLICES_HPP

#include "between.hpp"
#include "fuse.hpp"
#include "lookup.hpp"

#include <cstring>
#include <memory>
#include <vector>

namespace focus_stacking
{

/// What is known of a slice in a tile.
struct Entry
{
  bool seen = false;  // whether something of the tile lies within it
  std::unique_ptr<uint8_t[]> inside;  // 255 where it has data, else 0; null: it has it everywhere
};

/// All slices in a tile. Whatever is done with a block is done with all its pixels, those beyond
/// the tile too.
class TileSlices
{
public:
  TileSlices(const Job & job, const Tile & tile)
  : job_(job), tile_(tile), logarithms_(job.tables->logarithms),
    across_((tile.width + kPart - 1) / kPart), entries_(job.count),
    sharp_(static_cast<size_t>(job.count) * kBlock), known_(job.count)
  {}

  /// Finds where the tile lies in every slice.
  FOCUS_STACKING_INLINE void look()
  {
    for (int number = 0; number < job_.count; ++number) {
      look(number);
    }
  }

  /// Goes to the block that begins at a row and a column of the tile.
  void go_to(int row, int begin)
  {
    row_ = row, begin_ = begin;
    width_ = smaller(kPart, tile_.width - begin_);
    height_ = smaller(kRows, tile_.height - row_);
    std::memset(known_.data(), 0, known_.size());
  }

  int row() const {return row_;}
  int begin() const {return begin_;}
  /// Columns and rows of the block that lie in the tile.
  int width() const {return width_;}
  int height() const {return height_;}

  bool seen(int number) const {return entries_[number].seen;}
  /// 255 where a slice has data in the block, else 0; null where it has it everywhere.
  const uint8_t * inside(int number) const
  {
    const auto & bytes = entries_[number].inside;
    return bytes ? bytes.get() + in_blocks(row_, begin_) : nullptr;
  }
  /// Of a slice's block what `sharpen` or `take_logarithm` has found.
  uint8_t * sharp(int number) {return sharp_.data() + static_cast<size_t>(number) * kBlock;}

  /// Finds a slice's sharpness in the block, 0 where it has no data.
  FOCUS_STACKING_INLINE void sharpen(int number, int begin, int end)
  {
    if (known_[number]) {
      return;
    }
    begin = begin / 16 * 16;
    end = smaller((end + 15) / 16 * 16, width_);
    known_[number] = 1;
    uint8_t * __restrict out = sharp(number);
    const Slice & slice = job_.slices[number];
    if (between_lines_) {
      const int next = number + 1;
      const bool soon = next < job_.count && entries_[next].seen && !known_[next];
      const Slice & other = job_.slices[soon ? next : number];
      between_lines_(
        slice.sharpness, lines_of(tile_, slice, row_, begin_ + begin, height_), end - begin,
        out + begin, kPart, soon ? read_around(
          tile_, other, row_, begin_ + begin, begin_ + end, other.sharpness, 1, 0) : Soon{});
    } else {
      for (int v = 0; v < height_; ++v) {
        interpolate(
          slice, slice.sharpness, row_ + v, begin_ + begin, end - begin, out + kPart * v + begin);
      }
    }
    if (const uint8_t * __restrict seen = inside(number)) {
      for (int u = 0; u < kBlock; ++u) {
        out[u] = static_cast<uint8_t>(out[u] & seen[u]);
      }
    }
  }

  /// The same of all columns, or of those that an average needs.
  FOCUS_STACKING_INLINE void sharpen(int number) {sharpen(number, 0, width_);}
  FOCUS_STACKING_INLINE void take_logarithm(int number) {take_logarithm(number, 0, width_);}
  FOCUS_STACKING_INLINE void take_logarithm(int number, int begin, int end)
  {
    sharpen(number, begin, end);
    if (known_[number] == 1) {
      known_[number] = 2;
      look_up_(logarithms_, sharp(number), kBlock, sharp(number));
    }
  }

private:
  /// Where a part of a row of the tile is in a plane of one block after another.
  size_t in_blocks(int row, int begin) const
  {
    return static_cast<size_t>(row / kRows * across_ + begin / kPart) * kBlock +
           row % kRows * kPart;
  }

  /// A plane of a slice in a part of a row, interpolated with bilinear weights.
  FOCUS_STACKING_INLINE void interpolate(
    const Slice & slice, const uint8_t * plane, int row, int begin, int width,
    uint8_t * __restrict out) const
  {
    const Line line = line_of(tile_, slice, row, begin);
    const int columns = tile_.columns;
    // Where they lie, not moved to the rim from beyond it.
    const int first = (line.columns_x[0] + line.row_x) >> 15;
    const int last = (line.columns_x[width - 1] + line.row_x) >> 15;
    if (slice.separable && first >= 0 && last <= columns - 2 && last - first == width - 1) {
      // As many columns of the slice as of the part: all are next to each other.
      const int y = line.y(0), top = smaller(y >> 5, tile_.rows - 2), down = y - 32 * top;
      const uint8_t * __restrict upper = plane + static_cast<size_t>(top) * columns + first;
      const uint8_t * __restrict lower = upper + columns;
      int16_t blended[kPart + 1];
      for (int u = 0; u <= width; ++u) {
        blended[u] = static_cast<int16_t>((32 - down) * upper[u] + down * lower[u]);
      }
      for (int u = 0; u < width; ++u) {
        const int left = blended[u], right = blended[u + 1];
        out[u] = static_cast<uint8_t>(
          (32 * left + (line.x(u) - 32 * (first + u)) * (right - left) + 512) >> 10);
      }
      return;
    }
    between_(plane, line, width, out);
  }

  /// Finds where the tile lies in a slice.
  FOCUS_STACKING_INLINE void look(int number)
  {
    const Slice & slice = job_.slices[number];
    if (!slice.image) {
      return;
    }
    const int right = 32 * (tile_.columns - 1), bottom = 32 * (tile_.rows - 1);
    const int step = slice.separable ? 0 : 1;
    const auto place_x = [&](int v, int u) {
        return (slice.columns_x[tile_.left + u] + slice.rows_x[step * (tile_.top + v)]) >> 10;
      };
    const auto place_y = [&](int v, int u) {
        return (slice.columns_y[step * (tile_.left + u)] + slice.rows_y[tile_.top + v]) >> 10;
      };
    // Positions rise or fall steadily along rows and columns: the corners are the extremes.
    bool within = true;
    for (int v : {0, tile_.height - 1}) {
      for (int u : {0, tile_.width - 1}) {
        const int x = place_x(v, u), y = place_y(v, u);
        within = within && x >= 0 && x <= right && y >= 0 && y <= bottom;
      }
    }
    Entry & entry = entries_[number];
    entry.seen = true;
    if (within && !slice.valid) {
      return;
    }
    entry.inside.reset(new uint8_t[in_blocks(tile_.height + kRows - 1, 0)]());
    bool all = true, any = false;
    for (int v = 0; v < tile_.height; ++v) {
      for (int begin = 0; begin < tile_.width; begin += kPart) {
        const int width = smaller(kPart, tile_.width - begin);
        uint8_t * inside = entry.inside.get() + in_blocks(v, begin);
        std::memset(inside, 255, width);
        if (slice.valid) {
          interpolate(slice, slice.valid, v, begin, width, inside);
        }
        for (int u = 0; u < width; ++u) {
          const int x = place_x(v, begin + u), y = place_y(v, begin + u);
          const bool here = inside[u] == 255 && x >= 0 && x <= right && y >= 0 && y <= bottom;
          inside[u] = here ? 255 : 0;
          all = all && here;
          any = any || here;
        }
      }
    }
    entry.seen = any;
    if (all || !any) {
      entry.inside.reset();
    }
  }

  const Job & job_;
  const Tile tile_;
  const LookupTable logarithms_;
  const int across_;  // blocks side by side
  std::vector<Entry> entries_;
  // Of the block at hand: of every slice its sharpness or the logarithm of it, and which of them,
  // 1 or 2, is known.
  std::vector<uint8_t> sharp_, known_;
  int row_ = 0, begin_ = 0, width_ = 0, height_ = 0;
  const Lookup look_up_ = fastest_lookup();
  const Between between_ = fastest_between();
  const BetweenLines between_lines_ = fastest_between_lines();
};

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_TILE_SLICES_HPP

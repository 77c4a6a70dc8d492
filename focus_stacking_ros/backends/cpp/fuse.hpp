// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// What the host passes of a tile that is to be fused; backends/native_library.py has the same.

#ifndef FOCUS_STACKING_FUSE_HPP
#define FOCUS_STACKING_FUSE_HPP

#include "native.hpp"

namespace focus_stacking
{

/// A retained slice; the tables are those of `core.fixed_map.MapTables`.
struct Slice
{
  const void * image;
  const uint8_t * sharpness;
  const int32_t * columns_x, * rows_x, * columns_y, * rows_y;
  int32_t separable;
  int32_t gains[3];  // 1/16384
};

/// A tile of the result, and its planes, (height, width) each.
struct Tile
{
  int32_t rows, columns;  // of the slices
  int32_t top, left, height, width;  // of the tile
  int32_t result_top;  // the first row that the result holds
  const uint8_t * near_level, * near_offset, * far_level, * far_offset;
};

/// What is known of a slice in a tile, (height, width) each; null: no gate, everything inside.
struct Entry
{
  const uint8_t * logarithm, * gate, * inside;
  int32_t number;
};

/// 256 bytes each, and the cubic weights of every part of a pixel, (32, 4), in 1/2^17.
struct Tables
{
  const uint8_t * penalties, * averages, * weights;
  const double * cubic;
};

/// a - b, at least 0.
FOCUS_STACKING_INLINE uint8_t without(uint8_t a, uint8_t b)
{
  return static_cast<uint8_t>((a > b ? a : b) - b);
}

/// a + b, at most 255.
FOCUS_STACKING_INLINE uint8_t together(uint8_t a, uint8_t b)
{
  const uint8_t room = static_cast<uint8_t>(255 - b);
  return static_cast<uint8_t>((a < room ? a : room) + b);
}

/// Positions of a part of a tile's row in a slice, in 1/32 pixel, moved to its rim from beyond it.
FOCUS_STACKING_INLINE void positions(
  const Tile & tile, const Slice & slice, int v, int begin, int end, int32_t * __restrict x,
  int32_t * __restrict y)
{
  const int right = 32 * (tile.columns - 1), bottom = 32 * (tile.rows - 1);
  const int32_t row_x = slice.rows_x[slice.separable ? 0 : tile.top + v];
  const int32_t row_y = slice.rows_y[tile.top + v];
  const int32_t * columns_x = slice.columns_x + tile.left;
  const int32_t * columns_y = slice.columns_y + (slice.separable ? 0 : tile.left);
  for (int u = begin; u < end; ++u) {
    x[u] = smaller(greater((columns_x[u] + row_x) >> 10, 0), right);
    y[u] = (columns_y[slice.separable ? 0 : u] + row_y) >> 10;
  }
  for (int u = begin; u < end; ++u) {
    y[u] = smaller(greater(y[u], 0), bottom);
  }
}

}  // namespace focus_stacking

#pragma GCC visibility push(default)
extern "C" {

/// Sharpness of a slice in a tile, bilinear, 0 where it has no data; of 2x2 pixels and more.
int32_t focus_stacking_native_sharpness(
  const focus_stacking::Tile * tile, const focus_stacking::Slice * slice, const uint8_t * inside,
  uint8_t * result);

/// Penalty of the distance of a slice from the index, 255 where it has no data; `middle`: the
/// slice in the steps of the index; `shift`: what the table of distances leaves out of them.
int32_t focus_stacking_native_gate(
  int32_t count, const int16_t * index, int32_t middle, int32_t shift, const uint8_t * reach,
  const uint8_t * distances, const uint8_t * gates, const uint8_t * inside, uint8_t * result);

/// Level of slices whose gate is below `never`, their least penalty, and the sum of their weights
/// relative to that.
int32_t focus_stacking_native_gated_levels(
  int32_t count, const focus_stacking::Entry * entries, int32_t slices, const uint8_t * penalties,
  const uint8_t * relative, int32_t never, const uint8_t * noise, const uint8_t * drop,
  uint8_t * level, uint8_t * best, uint16_t * total);

/// Greatest logarithm of the sharpness of slices, and the sum of their weights relative to that.
int32_t focus_stacking_native_average_levels(
  int32_t count, const focus_stacking::Entry * entries, int32_t slices, const uint8_t * weights,
  const uint8_t * noise, const uint8_t * drop, uint8_t * level, uint16_t * total);

/// Writes a tile of the all-in-focus image; 1 or 3 channels; `wide`: uint16, else uint8.
int32_t focus_stacking_native_fuse(
  const focus_stacking::Tile * tile, const focus_stacking::Slice * slices,
  const focus_stacking::Entry * entries, int32_t count, const focus_stacking::Tables * tables,
  int32_t channels, int32_t wide, void * result);

}
#pragma GCC visibility pop

#endif  // FOCUS_STACKING_FUSE_HPP

// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// What the host passes of slices that are to be fused; backends/native_fusion.py has the same.

#ifndef FOCUS_STACKING_FUSE_HPP
#define FOCUS_STACKING_FUSE_HPP

#include "guide.hpp"
#include "line.hpp"
#include "native.hpp"

namespace focus_stacking
{

constexpr int kPart = 64;  // columns of a part of a row
constexpr int kRows = 8;  // rows of a block of parts one above the other
constexpr int kBlock = kRows * kPart;

/// A retained slice; the tables are those of `core.fixed_map.MapTables`.
struct Slice
{
  const void * image;  // null where the slice lies too far away to be expressed
  const uint8_t * sharpness, * valid;  // valid: null where it has data everywhere
  const int32_t * columns_x, * rows_x, * columns_y, * rows_y;
  int32_t separable;
  int32_t gains[3];  // 1/16384
};

/// Tables and limits of `core.fuse.weights`, 256 bytes each where nothing else is said.
struct Tables
{
  const uint8_t * penalties, * weights, * relative, * average_weights;
  const uint8_t * distances, * gates, * logarithms, * drop, * far_drop;
  const double * cubic;  // (32, 4) weights of every part of a pixel, in 1/2^17
  const float * farthest;  // 256: slices from the index that a reach lets in
  const float * gate_limits, * lead_limits;
  int32_t full_reach, leads;  // how many limits there are
  int32_t centre, never, octave, index_steps, distance_shift;
  int32_t average_steps;  // penalty of a step of what is missing, at any distance
};

/// A job of `core.fuse.job.FusionJob`; planes are (rows, columns), as all slices are, of 2x2 pixels
/// and more.
struct Job
{
  int32_t rows, columns, count, channels, wide;  // 1 or 3 channels; wide: uint16, else uint8
  const Slice * slices;
  const Tables * tables;
  const float * index, * trust, * noise, * widest;
  const uint8_t * sharpest;
  const uint8_t * missed;  // sharpness beyond that at the index that halves its trust
  const uint8_t * narrow;  // not 0 where the gate is `narrowed` at most
  float blur;  // of a slice's neighbour, square of pixels, times the Laplacian of a sharpness of 1
  float narrowest, narrowed, least_noise, noise_sharpness;
  float sharpness_step;  // where the widest gate is one slice
  float trusted, distrusted;
  int32_t tile_rows, tile_columns;
  int32_t first, last;  // rows wanted, which begin and end where tiles do
  const GuideSource * source;  // of the seven planes; null where these are there
};

/// A tile of the result.
struct Tile
{
  int32_t rows, columns;  // of the slices
  int32_t top, left, height, width;
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

/// Where a part of a row of a tile lies in a slice: the part that begins at column `begin` of row
/// `v`.
FOCUS_STACKING_INLINE Line line_of(const Tile & tile, const Slice & slice, int v, int begin)
{
  const int32_t top = tile.top + v, left = tile.left + begin;
  return {
    slice.columns_x + left, slice.columns_y + (slice.separable ? 0 : left),
    slice.rows_x[slice.separable ? 0 : top], slice.rows_y[top], slice.separable, tile.rows,
    tile.columns};
}

/// What interpolation reads of a slice, or its sharpness, for a block of rows from row `v` on and
/// columns `begin` to `end` of a tile: from `before` pixels before their positions to as many after
/// the next ones; so many bytes a `pixel`.
FOCUS_STACKING_INLINE Soon read_around(
  const Tile & tile, const Slice & slice, int v, int begin, int end, const void * plane,
  size_t pixel, int before)
{
  const Line line = line_of(tile, slice, v, begin);
  const int first = line.x(0) >> 5, last = line.x(end - begin - 1) >> 5;
  const int left = greater(smaller(first, last) - before, 0);
  const int right = smaller(greater(first, last) + before + 2, tile.columns);
  const int top = greater((line.y(0) >> 5) - before, 0);
  const size_t stride = pixel * tile.columns;
  return {static_cast<const uint8_t *>(plane) + stride * top + pixel * left, stride,
    pixel * (right - left), smaller(kRows + 2 * before + 1, tile.rows - top)};
}

/// Where parts of rows of a tile, one below the other, lie in a slice; at most `LineBlock::kMost`.
FOCUS_STACKING_INLINE LineBlock lines_of(
  const Tile & tile, const Slice & slice, int v, int begin, int height)
{
  const int32_t top = tile.top + v, left = tile.left + begin;
  LineBlock lines{
    slice.columns_x + left, slice.columns_y + (slice.separable ? 0 : left), {}, {}, height,
    slice.separable, tile.rows, tile.columns};
  for (int k = 0; k < LineBlock::kMost; ++k) {
    const int32_t row = top + smaller(k, height - 1);
    lines.row_x[k] = slice.rows_x[slice.separable ? 0 : row];
    lines.row_y[k] = slice.rows_y[row];
  }
  return lines;
}

}  // namespace focus_stacking

#pragma GCC visibility push(default)
extern "C" {

/// Writes rows `first` to `last` of the all-in-focus image.
int32_t focus_stacking_native_fuse(const focus_stacking::Job * job, void * result);

/// Decides the planes of rows `first` to `last`: the 8 bytes of SPECIFICATION.md, 'Fuse', for every
/// pixel; and marks with 1 the slices of which any may get something, zeros at first.
int32_t focus_stacking_native_guide(
  const focus_stacking::Job * job, uint8_t * records, uint8_t * used);

}
#pragma GCC visibility pop

#endif  // FOCUS_STACKING_FUSE_HPP

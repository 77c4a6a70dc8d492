// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// The all-in-focus image of a tile: weights, cubic interpolation and the weighted mean.

#include "gather.hpp"
#include "parallel.hpp"
#include "tile.hpp"

#include <cstring>
#include <mutex>
#include <vector>

namespace focus_stacking
{
namespace
{

/// Adds values to the sums: rounded, limited, exposed and weighted.
template<typename Pixel>
FOCUS_STACKING_INLINE void add_values(
  const double * __restrict sums, const int32_t * __restrict gains,
  const uint8_t * __restrict weights, int count, uint32_t * __restrict total)
{
  constexpr bool kNarrow = sizeof(Pixel) == 1;
  constexpr int kTop = kNarrow ? 255 : 65535;
  for (int j = 0; j < count; ++j) {
    // Exact: an integer below 2^53 times a power of two. What is below 0 becomes 0 either way.
    const int rounded = static_cast<int>((sums[j] + 8589934592.0) * (1.0 / 17179869184.0));
    const int value = smaller(greater(rounded, 0), kTop);
    int exposed;
    if (kNarrow) {
      exposed = (value * gains[j] + 512) >> 10;
    } else {
      exposed = static_cast<int>((static_cast<double>(value) * gains[j] + 8192.0) * (1.0 / 16384));
    }
    total[j] += static_cast<uint32_t>(smaller(exposed, 65535)) * weights[j];
  }
}

template<typename Pixel, int kChannels>
FOCUS_STACKING_INLINE void fuse(const Job & job, const Tile & tile, Pixel * result)
{
  WeightedTile planes(job, tile);
  planes.decide();
  const size_t pixels = static_cast<size_t>(tile.width) * tile.height;
  const int across = tile.width * kChannels;
  std::vector<uint8_t> spread(across);
  std::vector<uint32_t> total(pixels * kChannels), whole(pixels);
  std::vector<double> sums(across + kBeyond), held;
  std::vector<int32_t> gains(across);
  for (int number = 0; number < job.count; ++number) {
    const Entry & entry = planes.entry(number);
    const Slice & slice = job.slices[number];
    if (!entry.weight) {
      continue;
    }
    const std::vector<int> & from = entry.from, & to = entry.to;
    int first = tile.height, last = 0, begin = tile.width, end = 0;
    for (int v = 0; v < tile.height; ++v) {
      if (from[v] < to[v]) {
        first = smaller(first, v), last = v + 1;
        begin = smaller(begin, from[v]), end = greater(end, to[v]);
      }
    }
    if (first >= last) {
      continue;
    }
    for (int j = 0; j < across; ++j) {
      gains[j] = slice.gains[j % kChannels];
    }
    Gathered<Pixel, kChannels> gathered(tile, slice, job.tables->cubic);
    gathered.prepare(first, last, begin, end, held);
    for (int v = first; v < last; ++v) {
      if (from[v] >= to[v]) {
        continue;
      }
      const size_t at = static_cast<size_t>(v) * tile.width;
      const uint8_t * here = entry.weight.get() + at;
      gathered.row(v, from[v], to[v], here, sums.data());
      for (int u = from[v]; u < to[v]; ++u) {
        whole[at + u] += here[u];
        for (int c = 0; c < kChannels; ++c) {
          spread[u * kChannels + c] = here[u];
        }
      }
      const int skip = from[v] * kChannels;
      add_values<Pixel>(sums.data() + skip, gains.data() + skip, spread.data() + skip,
        (to[v] - from[v]) * kChannels, total.data() + at * kChannels + skip);
    }
  }
  constexpr bool kNarrow = sizeof(Pixel) == 1;
  for (int v = 0; v < tile.height; ++v) {
    const size_t at = static_cast<size_t>(v) * tile.width;
    Pixel * out = result +
      (static_cast<size_t>(tile.top - job.first + v) * tile.columns + tile.left) * kChannels;
    for (int u = 0; u < tile.width; ++u) {
      const uint32_t divisor = (whole[at + u] ? whole[at + u] : 1) << (kNarrow ? 4 : 0);
      for (int c = 0; c < kChannels; ++c) {
        const size_t j = static_cast<size_t>(u) * kChannels + c;
        const uint32_t mean = (total[at * kChannels + j] + (divisor >> 1)) / divisor;
        constexpr uint32_t kTop = kNarrow ? 255 : 65535;
        out[j] = static_cast<Pixel>(mean < kTop ? mean : kTop);
      }
    }
  }
}

/// Does something with every tile of the rows wanted, several at the same time.
template<typename Work>
void each_tile(const Job & job, Work work)
{
  const int across = (job.columns + job.tile_columns - 1) / job.tile_columns;
  const int down = (job.last - job.first + job.tile_rows - 1) / job.tile_rows;
  in_bands(across * down, 1, [&](int number, int, int) {
    const int top = job.first + number / across * job.tile_rows;
    const int left = number % across * job.tile_columns;
    work({job.rows, job.columns, top, left, smaller(job.tile_rows, job.last - top),
        smaller(job.tile_columns, job.columns - left)});
  });
}

}  // namespace

FOCUS_STACKING_CLONES
void record_planes(const Job & job, const Tile & tile, uint8_t * records, uint8_t * used)
{
  WeightedTile(job, tile).record(records, used);
}

FOCUS_STACKING_CLONES
void fuse_grey_8(const Job & job, const Tile & tile, void * result)
{
  fuse<uint8_t, 1>(job, tile, static_cast<uint8_t *>(result));
}

FOCUS_STACKING_CLONES
void fuse_colour_8(const Job & job, const Tile & tile, void * result)
{
  fuse<uint8_t, 3>(job, tile, static_cast<uint8_t *>(result));
}

FOCUS_STACKING_CLONES
void fuse_grey_16(const Job & job, const Tile & tile, void * result)
{
  fuse<uint16_t, 1>(job, tile, static_cast<uint16_t *>(result));
}

FOCUS_STACKING_CLONES
void fuse_colour_16(const Job & job, const Tile & tile, void * result)
{
  fuse<uint16_t, 3>(job, tile, static_cast<uint16_t *>(result));
}

}  // namespace focus_stacking

int32_t focus_stacking_native_fuse(const focus_stacking::Job * job, void * result)
{
  return focus_stacking::guarded([&] {
    const auto work = job->wide ?
      (job->channels == 3 ? focus_stacking::fuse_colour_16 : focus_stacking::fuse_grey_16) :
      (job->channels == 3 ? focus_stacking::fuse_colour_8 : focus_stacking::fuse_grey_8);
    focus_stacking::each_tile(*job, [&](const focus_stacking::Tile & tile) {
      work(*job, tile, result);
    });
  });
}

int32_t focus_stacking_native_guide(
  const focus_stacking::Job * job, uint8_t * records, uint8_t * used)
{
  return focus_stacking::guarded([&] {
    std::mutex mutex;
    focus_stacking::each_tile(*job, [&](const focus_stacking::Tile & tile) {
      std::vector<uint8_t> found(job->count);
      focus_stacking::record_planes(*job, tile, records, found.data());
      std::lock_guard<std::mutex> lock(mutex);
      for (int number = 0; number < job->count; ++number) {
        used[number] |= found[number];
      }
    });
  });
}

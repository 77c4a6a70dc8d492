// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// The all-in-focus image of a tile: weights, cubic interpolation and the weighted mean.

#include "gather.hpp"
#include "parallel.hpp"
#include "taken_bytes.hpp"
#include "tile.hpp"

#include <cstring>
#include <mutex>
#include <vector>

namespace focus_stacking
{
namespace
{

/// The weighted mean of slices, block by block.
template<typename Pixel, int kChannels>
class Mean
{
public:
  Mean(const Job & job, const Tile & tile, Pixel * result)
  : job_(job), tile_(tile), result_(result), gathering_(tile, job.tables->cubic),
    take_(kNarrow ? fastest_taking(kChannels) : nullptr),
    take_block_(kNarrow ? fastest_block_taking(kChannels) : nullptr),
    lanes_(take_ ? kChannels : kLanes)
  {
    clear();
  }

  /// Adds a slice to the block that begins at row `v` and column `begin` of the tile; `next`: what
  /// is added then, or null.
  FOCUS_STACKING_INLINE void add(const Weighted & block, int v, int begin, const Weighted * next)
  {
    const uint8_t * __restrict weights = block.weights;
    uint16_t * __restrict whole = whole_;
    for (int u = 0; u < kBlock; ++u) {
      whole[u] = static_cast<uint16_t>(whole[u] + weights[u]);
    }
    if (take_block_) {
      const Slice * other = next ? &job_.slices[next->number] : nullptr;
      const int end = smaller(begin + kPart, tile_.width);
      add_rows(
        job_.slices[block.number], v, begin, weights, other ? read_around(
          tile_, *other, v, begin, end, other->image, sizeof(Pixel) * kChannels, 1) : Soon{});
      return;
    }
    for (int row = 0; row < kRows; ++row) {
      int first = 0, last = smaller(kPart, tile_.width - begin);
      narrow_to_weights(weights + kPart * row, first, last);
      if (first < last) {
        add_row(
          job_.slices[block.number], v + row, begin, first, last, weights + kPart * row,
          total_ + kPart * lanes_ * row);
      }
    }
  }

  /// Writes the block that begins at row `v` and column `begin`, and begins the next one.
  FOCUS_STACKING_INLINE void finish(int v, int begin)
  {
    const int width = smaller(kPart, tile_.width - begin);
    const int height = smaller(kRows, tile_.height - v);
    for (int row = 0; row < height; ++row) {
      finish_row(v + row, begin, width, whole_ + kPart * row, total_ + kPart * lanes_ * row);
    }
    clear();
  }

private:
  static constexpr bool kNarrow = sizeof(Pixel) == 1;
  static constexpr int kTop = kNarrow ? 255 : 65535;
  static constexpr int kLanes = Gathering<Pixel, kChannels>::kLanes;
  static constexpr double kHalf = 8589934592.0, kOne = 1.0 / 17179869184.0;
  typedef double Four __attribute__((vector_size(32)));
  typedef int32_t Ints __attribute__((vector_size(16)));
  typedef uint32_t Words __attribute__((vector_size(16), may_alias));

  /// Leaves out what has no weight before the first and after the last that has.
  static FOCUS_STACKING_INLINE void narrow_to_weights(
    const uint8_t * weight, int & first, int & last)
  {
    uint64_t some;
    constexpr int kStep = sizeof some;
    while (first + kStep <= last && (std::memcpy(&some, weight + first, kStep), some == 0)) {
      first += kStep;
    }
    while (first + kStep <= last && (std::memcpy(&some, weight + last - kStep, kStep), some == 0)) {
      last -= kStep;
    }
    while (first < last && weight[first] == 0) {
      ++first;
    }
    while (first < last && weight[last - 1] == 0) {
      --last;
    }
  }

  /// Adds the pixels of the block that begins at row `v` and column `begin`.
  FOCUS_STACKING_INLINE void add_rows(
    const Slice & slice, int v, int begin, const uint8_t * weights, const Soon & soon)
  {
    const LineBlock lines = lines_of(tile_, slice, v, begin, smaller(kRows, tile_.height - v));
    take_block_({
        static_cast<const uint8_t *>(slice.image), slice.gains, &lines,
        smaller(kPart, tile_.width - begin), weights, total_, soon});
  }

  /// Adds pixels `first` to `last` of the part of row `v` that begins at `begin`.
  FOCUS_STACKING_INLINE void add_row(
    const Slice & slice, int v, int begin, int first, int last, const uint8_t * weights,
    uint32_t * totals)
  {
    int32_t xs[kPart + kTakenAtOnce], ys[kPart + kTakenAtOnce];
    positions(line_of(tile_, slice, v, begin), first, last, xs, ys);
    if (take_) {
      std::fill_n(xs + last, kTakenAtOnce, xs[last - 1]);
      std::fill_n(ys + last, kTakenAtOnce, ys[last - 1]);
      take_({static_cast<const uint8_t *>(slice.image), tile_.rows, tile_.columns, slice.gains, xs,
          ys, weights, first, last, totals});
      return;
    }
    gathering_.row(slice, xs, ys, first, last, sums_);
    if (kChannels == 1) {
      const int32_t gain = slice.gains[0];
      const double * __restrict sums = sums_;
      uint32_t * __restrict total = totals;
      for (int u = first; u < last; ++u) {
        const int value = smaller(greater(static_cast<int>((sums[u] + kHalf) * kOne), 0), kTop);
        const int exposed = kNarrow ? (value * gain + 512) >> 10 : smaller(
          static_cast<int>((static_cast<double>(value) * gain + 8192.0) * (1.0 / 16384)), 65535);
        total[u] += static_cast<uint32_t>(exposed) * weights[u];
      }
      return;
    }
    const Ints gains = {slice.gains[0], slice.gains[1], slice.gains[2], 0};
    for (int u = first; u < last; ++u) {
      // Exact: an integer below 2^53 times a power of two. What is below 0 becomes 0 either way.
      Four sum;
      std::memcpy(&sum, sums_ + 4 * u, sizeof sum);
      Ints value = __builtin_convertvector((sum + kHalf) * kOne, Ints);
      value &= value > 0;
      value = (value & (value < kTop)) | (kTop & (value >= kTop));
      if (kNarrow) {
        value = (value * gains + 512) >> 10;  // less than 2^15
      } else {
        const Four exposed = __builtin_convertvector(value, Four) *
          __builtin_convertvector(gains, Four);
        value = __builtin_convertvector((exposed + 8192.0) * (1.0 / 16384), Ints);
        value = (value & (value < 65535)) | (65535 & (value >= 65535));
      }
      Words total;
      std::memcpy(&total, totals + 4 * u, sizeof total);
      total += reinterpret_cast<Words &>(value) * static_cast<uint32_t>(weights[u]);
      std::memcpy(totals + 4 * u, &total, sizeof total);
    }
  }

  /// Writes the part of row `v` that begins at `begin`.
  FOCUS_STACKING_INLINE void finish_row(
    int v, int begin, int width, const uint16_t * __restrict weight, const uint32_t * total)
  {
    constexpr int kMost = kPart * kChannels;
    double inverses[kPart], inverse[kMost];
    uint32_t sums[kMost], whole[kPart];
    for (int u = 0; u < kPart; ++u) {
      whole[u] = static_cast<uint32_t>(weight[u] ? weight[u] : 1) << (kNarrow ? 4 : 0);
      inverses[u] = 1.0 / static_cast<double>(static_cast<int32_t>(whole[u]));
    }
    for (int u = 0; u < kPart; ++u) {
      for (int c = 0; c < kChannels; ++c) {
        sums[u * kChannels + c] = total[u * lanes_ + c] + (whole[u] >> 1);
        inverse[u * kChannels + c] = inverses[u];
      }
    }
    Pixel * __restrict out = result_ +
      (static_cast<size_t>(tile_.top - job_.first + v) * tile_.columns + tile_.left + begin) *
      kChannels;
    for (int k = 0; k < width * kChannels; ++k) {
      // Signed numbers are what processors convert. With a half more no quotient is within the
      // rounding of a whole one.
      const double whole_sum = static_cast<double>(static_cast<int32_t>(sums[k] ^ 0x80000000u));
      const int mean = static_cast<int>((whole_sum + 2147483648.5) * inverse[k]);
      out[k] = static_cast<Pixel>(smaller(mean, kTop));
    }
  }

  void clear()
  {
    std::memset(total_, 0, sizeof total_);
    std::memset(whole_, 0, sizeof whole_);
  }

  const Job & job_;
  const Tile & tile_;
  Pixel * result_;
  Gathering<Pixel, kChannels> gathering_;
  const TakeBytes take_;
  const TakeBlock take_block_;
  const int lanes_;  // sums of a pixel
  double sums_[kPart * kLanes];
  uint32_t total_[(kBlock + kTakenAtOnce) * kLanes];
  uint16_t whole_[kBlock];  // of less than 256 slices
};

template<typename Pixel, int kChannels>
FOCUS_STACKING_INLINE void fuse(const Job & job, const Tile & tile, Pixel * result)
{
  Mean<Pixel, kChannels> mean(job, tile, result);
  WeightedTile weights(job, tile);
  look(weights);
  for (int v = 0; v < tile.height; v += kRows) {
    for (int begin = 0; begin < tile.width; begin += kPart) {
      decide(weights, v, begin);
      const Weighted * weighted = weights.weighted(), * end = weighted + weights.weighted_count();
      for (; weighted < end; ++weighted) {
        mean.add(*weighted, v, begin, weighted + 1 < end ? weighted + 1 : nullptr);
      }
      mean.finish(v, begin);
    }
  }
}

/// Does something with every tile of the rows wanted, several at the same time.
template<typename Work>
void each_tile(const Job & job, Work work)
{
  in_tiles(
    job.first, job.last, job.columns, job.tile_rows, job.tile_columns,
    [&](int top, int left, int height, int width) {
      work({job.rows, job.columns, top, left, height, width});
    });
}

/// Writes the planes of a tile, and marks the slices that they may let in.
void record_planes(const Job & job, const Tile & tile, uint8_t * records, uint8_t * used)
{
  WeightedTile weights(job, tile);
  look(weights);
  for (int v = 0; v < tile.height; v += kRows) {
    for (int begin = 0; begin < tile.width; begin += kPart) {
      decide(weights, v, begin);
      weights.record(records, used);
    }
  }
}

}  // namespace

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

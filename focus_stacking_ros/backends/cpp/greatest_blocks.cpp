// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// As core/fuse/greatest_blocks.py, a slice after another: its planes stay in the cache.

#include "greatest_blocks.hpp"

#include "block_sums.hpp"
#include "blocks.hpp"
#include "floats.hpp"
#include "parallel.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

namespace focus_stacking
{
namespace
{

constexpr float kMost = 65535.0f, kRounding = 12582912.0f;  // 1.5 * 2^23: sums have no fraction

/// The greatest values of some slices.
struct Found
{
  Found(const BlocksJob & job, size_t size)
  : near(job.indices), far(job.indices)
  {
    for (int k = 0; k < job.indices; ++k) {
      near[k].resize(size);
      far[k].resize(size);
    }
    if (job.best) {
      best.resize(size);
      second.resize(size);
      number.resize(size);
    }
  }

  std::vector<std::vector<uint16_t>> near, far;
  std::vector<uint16_t> best, second, number;
};

FOCUS_STACKING_INLINE void take_greater(
  const uint16_t * __restrict from, size_t size, uint16_t * __restrict to)
{
  for (size_t k = 0; k < size; ++k) {
    to[k] = to[k] > from[k] ? to[k] : from[k];
  }
}

/// Values of a slice's blocks, with what lies beyond its rim.
class Values
{
public:
  Values(int rows, int columns)
  : rows_(rows), columns_(columns), stride_(columns + 3),
    raw_(static_cast<size_t>(rows) * columns), columns_sum_(columns + 2),
    padded_(static_cast<size_t>(rows + 3) * stride_), offset_(columns), upper_(columns),
    lower_(columns), across_(columns), down_(columns) {}

  /// Takes a slice's blocks, averaged over 3x3 of them: weights 1, 2 and 1.
  FOCUS_STACKING_INLINE void take(const BlocksJob & job, const BlockSlice & slice)
  {
    if (job.sums) {
      sum_blocks(slice.plane, job.rows, job.columns, raw_.data());
    } else {
      const float factor = slice.factor;
      const uint8_t * __restrict from = slice.plane;
      uint16_t * __restrict to = raw_.data();
      for (size_t k = 0; k < raw_.size(); ++k) {
        const float value = least(static_cast<float>(from[k]) * factor, kMost);
        to[k] = static_cast<uint16_t>(static_cast<int32_t>((value + kRounding) - kRounding));
      }
    }
    const uint8_t * __restrict valid = slice.valid;
    for (size_t k = 0; valid && k < raw_.size(); ++k) {
      raw_[k] = valid[k] ? raw_[k] : uint16_t{0};
    }
    for (int v = 0; v < rows_; ++v) {
      smooth(v, padded_.data() + static_cast<size_t>(v + 1) * stride_ + 1);
    }
    surround(job.extended != 0);
  }

  /// Interpolates a row of the result.
  FOCUS_STACKING_INLINE void row(
    const BlockSlice & slice, bool extended, int v, uint16_t * __restrict out)
  {
    // One beyond the rim there is nothing, or what is at the rim.
    const float low = extended ? 0.0f : -1.0f, high = extended ? -1.0f : 0.0f;
    const float most_x = static_cast<float>(columns_) + high;
    const float most_y = static_cast<float>(rows_) + high;
    const double * m = slice.place;
    const float first_x = static_cast<float>(m[1] * v + m[2]), step_x = static_cast<float>(m[0]);
    const float first_y = static_cast<float>(m[4] * v + m[5]), step_y = static_cast<float>(m[3]);
    const int stride = stride_;
    int32_t * __restrict offset = offset_.data();
    float * __restrict across = across_.data(), * __restrict down = down_.data();
    for (int u = 0; u < columns_; ++u) {
      const float place = static_cast<float>(u);
      const float x = limited(first_x + step_x * place, low, most_x) + 1.0f;  // from 0 on
      const float y = limited(first_y + step_y * place, low, most_y) + 1.0f;
      const int32_t column = static_cast<int32_t>(x), row = static_cast<int32_t>(y);
      offset[u] = row * stride + column;
      across[u] = x - static_cast<float>(column);
      down[u] = y - static_cast<float>(row);
    }
    uint32_t * __restrict upper = upper_.data(), * __restrict lower = lower_.data();
    for (int u = 0; u < columns_; ++u) {
      const uint16_t * from = padded_.data() + offset[u];
      std::memcpy(upper + u, from, sizeof *upper);
      std::memcpy(lower + u, from + stride, sizeof *lower);
    }
    for (int u = 0; u < columns_; ++u) {
      const float left = blend(low_of(upper[u]), low_of(lower[u]), down[u]);
      const float right = blend(high_of(upper[u]), high_of(lower[u]), down[u]);
      const float value = blend(left, right, across[u]);
      out[u] = static_cast<uint16_t>(static_cast<int32_t>((value + kRounding) - kRounding));
    }
  }

private:
  static FOCUS_STACKING_INLINE float blend(float from, float to, float share)
  {
    return from + share * (to - from);
  }
  /// Of two values beside each other.
  static FOCUS_STACKING_INLINE float low_of(uint32_t pair)
  {
    return static_cast<float>(static_cast<int32_t>(pair & 65535));
  }
  static FOCUS_STACKING_INLINE float high_of(uint32_t pair)
  {
    return static_cast<float>(static_cast<int32_t>(pair >> 16));
  }

  FOCUS_STACKING_INLINE void smooth(int v, uint16_t * __restrict out)
  {
    const auto row_of = [&](int number) {
        return raw_.data() + static_cast<size_t>(mirrored(number, rows_)) * columns_;
      };
    const uint16_t * __restrict above = row_of(v - 1), * __restrict here = row_of(v);
    const uint16_t * __restrict below = row_of(v + 1);
    uint32_t * __restrict sum = columns_sum_.data() + 1;
    for (int u = 0; u < columns_; ++u) {
      sum[u] = above[u] + 2u * here[u] + below[u];
    }
    columns_sum_[0] = sum[mirrored(-1, columns_)];
    columns_sum_[columns_ + 1] = sum[mirrored(columns_, columns_)];
    const uint32_t * __restrict sums = columns_sum_.data();
    for (int u = 0; u < columns_; ++u) {
      out[u] = static_cast<uint16_t>((sums[u] + 2 * sums[u + 1] + sums[u + 2] + 8) >> 4);
    }
  }

  /// Fills what lies beyond the rim.
  void surround(bool extended)
  {
    for (int v = 1; v <= rows_; ++v) {
      uint16_t * line = padded_.data() + static_cast<size_t>(v) * stride_;
      line[0] = extended ? line[1] : uint16_t{0};
      line[columns_ + 1] = line[columns_ + 2] = extended ? line[columns_] : uint16_t{0};
    }
    const auto row_of = [&](int v) {return padded_.data() + static_cast<size_t>(v) * stride_;};
    for (int v : {0, rows_ + 1, rows_ + 2}) {
      if (extended) {
        std::copy_n(row_of(v ? rows_ : 1), stride_, row_of(v));
      } else {
        std::fill_n(row_of(v), stride_, uint16_t{0});
      }
    }
  }

  int rows_, columns_, stride_;
  std::vector<uint16_t> raw_;
  std::vector<uint32_t> columns_sum_;
  std::vector<uint16_t> padded_;  // one row and column more before, two behind
  std::vector<int32_t> offset_;
  std::vector<uint32_t> upper_, lower_;
  std::vector<float> across_, down_;
};

/// Takes the greatest of a row: of the slices next to an index, and of others.
FOCUS_STACKING_INLINE void take_beside(
  const uint16_t * __restrict here, const float * __restrict index, float low, float high,
  int columns, uint16_t * __restrict near, uint16_t * __restrict far)
{
  for (int u = 0; u < columns; ++u) {
    const uint16_t beside = static_cast<uint16_t>(
      index[u] >= low && index[u] <= high ? 65535 : 0);
    const uint16_t one = static_cast<uint16_t>(here[u] & beside);
    const uint16_t other = static_cast<uint16_t>(here[u] & ~beside);
    near[u] = near[u] > one ? near[u] : one;
    far[u] = far[u] > other ? far[u] : other;
  }
}

/// Adds the greatest of later slices; `number`: which they are, or the one at hand.
template<typename Number>
FOCUS_STACKING_INLINE void take_best(
  const uint16_t * __restrict here, Number number_of, size_t size, uint16_t * __restrict best,
  uint16_t * __restrict second, uint16_t * __restrict number)
{
  for (size_t u = 0; u < size; ++u) {
    const uint16_t less = best[u] < here[u] ? best[u] : here[u];
    number[u] = here[u] > best[u] ? number_of(u) : number[u];
    second[u] = second[u] > less ? second[u] : less;
    best[u] = best[u] > here[u] ? best[u] : here[u];
  }
}

}  // namespace

FOCUS_STACKING_CLONES
void blocks_of_slices(const BlocksJob & job, int first, int last, Found & found)
{
  const int rows = blocks_of(job.rows), columns = blocks_of(job.columns);
  Values values(rows, columns);
  std::vector<uint16_t> line(columns);
  for (int number = first; number < last; ++number) {
    const BlockSlice & slice = job.slices[number];
    values.take(job, slice);
    const double reach = static_cast<double>(job.reach) - job.apart;
    const float low = static_cast<float>(number - reach);
    const float high = static_cast<float>(number + reach);
    const uint16_t current = static_cast<uint16_t>(number);
    for (int v = 0; v < rows; ++v) {
      const size_t at = static_cast<size_t>(v) * columns;
      values.row(slice, job.extended != 0, v, line.data());
      for (int k = 0; k < job.indices; ++k) {
        take_beside(line.data(), job.index[k] + at, low, high, columns, found.near[k].data() + at,
          found.far[k].data() + at);
      }
      if (job.best) {
        take_best(line.data(), [current](size_t) {return current;}, columns,
          found.best.data() + at, found.second.data() + at, found.number.data() + at);
      }
    }
  }
}

namespace
{

void find_greatest(const BlocksJob & job)
{
  const size_t size =
    static_cast<size_t>(blocks_of(job.rows)) * static_cast<size_t>(blocks_of(job.columns));
  const int parts = greater(smaller(task_threads(), job.count), 1);
  std::vector<Found> all;
  for (int part = 0; part < parts; ++part) {
    all.emplace_back(job, size);
  }
  in_bands(parts, 1, [&](int part, int, int) {
    const auto begin = [&](int k) {
        return static_cast<int>(static_cast<int64_t>(job.count) * k / parts);
      };
    blocks_of_slices(job, begin(part), begin(part + 1), all[part]);
  });
  for (int k = 0; k < job.indices; ++k) {
    std::copy(all[0].near[k].begin(), all[0].near[k].end(), job.near[k]);
    std::copy(all[0].far[k].begin(), all[0].far[k].end(), job.far[k]);
    for (int part = 1; part < parts; ++part) {
      take_greater(all[part].near[k].data(), size, job.near[k]);
      take_greater(all[part].far[k].data(), size, job.far[k]);
    }
  }
  if (!job.best) {
    return;
  }
  std::copy(all[0].best.begin(), all[0].best.end(), job.best);
  std::copy(all[0].second.begin(), all[0].second.end(), job.second);
  std::copy(all[0].number.begin(), all[0].number.end(), job.number);
  for (int part = 1; part < parts; ++part) {
    const uint16_t * __restrict number = all[part].number.data();
    take_best(all[part].best.data(), [number](size_t u) {return number[u];}, size, job.best,
      job.second, job.number);
    take_greater(all[part].second.data(), size, job.second);
  }
}

}  // namespace
}  // namespace focus_stacking

int32_t focus_stacking_native_blocks(const focus_stacking::BlocksJob * job)
{
  return focus_stacking::guarded([&] {focus_stacking::find_greatest(*job);});
}

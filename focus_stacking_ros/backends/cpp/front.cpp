// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Bands of rows of a slice: a line is read once, and all that is made of it lies in the cache.

#include "front.hpp"

#include "lines.hpp"
#include "luma.hpp"
#include "parallel.hpp"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <vector>

namespace focus_stacking
{
namespace
{

constexpr int kBand = 64;         // half-size rows of a band; around it 10 rows are read twice
constexpr int kBeyond = 8;        // values of a line beyond its ends, of which at most 6 are read
constexpr int kReach = 5;         // rows that the sharpness looks around
constexpr int kClasses = 16;      // of brightness
constexpr int kClassWidth = 9 * 256;  // of the sum of 3x3 pixels
constexpr int kBins = 1024;       // of the response to noise
constexpr int kExact = 512;       // bins of one value; the others have kCoarse
constexpr int kCoarseBits = 4;
constexpr int kGreatestLaplacian = 2040;
constexpr uint32_t kClipped = 250 * 256;  // value of 16 bits from which a pixel may be clipped

/// Twice the mean of a row with the weights (1 2 1) x (1 2 1), from four pixels before it to
/// four behind; `column` is of the same length and one more at both ends.
FOCUS_STACKING_INLINE void smooth_row(
  const int16_t * above, const int16_t * here, const int16_t * below, int width,
  uint16_t * __restrict column, uint16_t * __restrict result)
{
  for (int x = -5; x < width + 5; ++x) {
    column[x] = static_cast<uint16_t>(above[x] + 2 * here[x] + below[x]);
  }
  for (int x = -4; x < width + 4; ++x) {
    // Exact in 16 bits: twelve bits of luma times sixteen.
    result[x] = static_cast<uint16_t>(
      static_cast<uint16_t>(column[x - 1] + 2 * column[x] + column[x + 1] + 4) >> 3);
  }
}

/// Limited magnitude of the Laplacian of a row, from three pixels before it to three behind.
FOCUS_STACKING_INLINE void laplacian_of_row(
  const uint16_t * above, const uint16_t * here, const uint16_t * below, int width,
  uint16_t * __restrict result)
{
  for (int x = -3; x < width + 3; ++x) {
    const uint16_t around = static_cast<uint16_t>(here[x - 1] + here[x + 1] + above[x] + below[x]);
    const uint16_t middle = static_cast<uint16_t>(4 * here[x]);
    const uint16_t size = static_cast<uint16_t>(
      middle > around ? middle - around : around - middle);
    result[x] = size < kGreatestLaplacian ? size : static_cast<uint16_t>(kGreatestLaplacian);
  }
}

/// The smoothed magnitude of the Laplacian, a row at a time: means over 5x5 and 3x3 pixels, of
/// which sums along the columns are kept.
class Smoothing
{
public:
  explicit Smoothing(int width)
  : width_(width), smoothed_(width), laplacian_(width), means_(width),
    luma_column_(width), column_(width), columns_of_means_(width) {}

  /// Takes a row and those beside it and gives the sharpness of row - 4, right from the ninth on.
  FOCUS_STACKING_INLINE void add(
    const int16_t * above, const int16_t * here, const int16_t * below, int row,
    uint8_t * __restrict result)
  {
    const int width = width_, y = row - 1;
    smooth_row(above, here, below, width, luma_column_.row(0), smoothed_.row(row));
    uint16_t * __restrict column = column_.row(0), * __restrict means = means_.row(y);
    uint16_t * __restrict second = columns_of_means_.row(0);
    const uint16_t * last = laplacian_.row(y), * oldest = laplacian_.row(y - 5);
    laplacian_of_row(
      smoothed_.row(y - 1), smoothed_.row(y), smoothed_.row(row), width, laplacian_.row(y));
    for (int x = -3; x < width + 3; ++x) {
      column[x] = static_cast<uint16_t>(column[x] + last[x] - oldest[x]);
    }
    const uint16_t * oldest_means = means_.row(y - 3);
    for (int x = -1; x < width + 1; ++x) {
      const uint16_t sum = static_cast<uint16_t>(
        column[x - 2] + column[x - 1] + column[x] + column[x + 1] + column[x + 2] + 4);
      const uint16_t mean = static_cast<uint16_t>(sum >> 3);
      second[x] = static_cast<uint16_t>(second[x] + mean - oldest_means[x]);
      means[x] = mean;
    }
    for (int x = 0; x < width; ++x) {
      const uint16_t sum = static_cast<uint16_t>(
        second[x - 1] + second[x] + second[x + 1] + 112);
      result[x] = static_cast<uint8_t>((static_cast<uint32_t>(sum) * 291u) >> 16);
    }
  }

private:
  int width_;
  Lines<uint16_t, 4, kBeyond> smoothed_;
  Lines<uint16_t, 8, kBeyond> laplacian_, means_;
  Lines<uint16_t, 1, kBeyond> luma_column_, column_, columns_of_means_;
};

FOCUS_STACKING_INLINE int bin_of(int response)
{
  const int coarse = kExact + ((response - kExact) >> kCoarseBits);
  return response < kExact ? response : smaller(coarse, kBins - 1);
}

/// Number of a channel that lies in such a place of a pixel.
FOCUS_STACKING_INLINE int channel_of(const Front & front, int place)
{
  return front.reverse ? front.channels - 1 - place : place;
}

/// Counts of the response to [1, -2, 1] x [1, -2, 1], by brightness or of a channel.
class Noise
{
public:
  Noise(const Front & front)
  : front_(front), second_(front.columns), sum_(front.columns),
    luma_(front.noise ? kClasses * kBins : 0),
    channels_(front.channel_noise ? front.channels * kBins : 0) {}

  FOCUS_STACKING_INLINE void add(const int16_t * above, const int16_t * here, const int16_t * below)
  {
    const int columns = front_.columns;
    int16_t * __restrict second = second_.data();
    uint16_t * __restrict sum = sum_.data();
    for (int x = 0; x < columns; ++x) {
      const int16_t ends = static_cast<int16_t>(above[x] + below[x]);
      second[x] = static_cast<int16_t>(ends - 2 * here[x]);
      sum[x] = static_cast<uint16_t>(ends + here[x]);
    }
    for (int x = 1; x < columns - 1; x += 3) {
      const int response = second[x - 1] - 2 * second[x] + second[x + 1];
      const uint32_t around = static_cast<uint32_t>(sum[x - 1]) + sum[x] + sum[x + 1];
      const int bin = bin_of(response < 0 ? -response : response);
      ++luma_[around / kClassWidth * kBins + bin];
    }
  }

  /// The same of the channels themselves; `at` is the row's middle one.
  template<typename Pixel>
  FOCUS_STACKING_INLINE void add_channels(const Pixel * at)
  {
    const int channels = front_.channels;
    const ptrdiff_t row = front_.stride;
    const auto second = [row](const Pixel * p) {
        const auto value = [](Pixel v) {
            return sizeof(Pixel) == 2 ? static_cast<int>(v >> 4) : v << 4;
          };
        return value(p[-row]) - 2 * value(p[0]) + value(p[row]);
      };
    for (int x = 1; x < front_.columns - 1; x += 3) {
      for (int c = 0; c < channels; ++c) {
        const Pixel * p = at + static_cast<ptrdiff_t>(x) * channels + c;
        const int response = second(p - channels) - 2 * second(p) + second(p + channels);
        ++channels_[channel_of(front_, c) * kBins + bin_of(response < 0 ? -response : response)];
      }
    }
  }

  void take() const
  {
    for (size_t k = 0; k < luma_.size(); ++k) {
      front_.noise[k] += luma_[k];
    }
    for (size_t k = 0; k < channels_.size(); ++k) {
      front_.channel_noise[k] += channels_[k];
    }
  }

private:
  const Front & front_;
  std::vector<int16_t> second_;
  std::vector<uint16_t> sum_;
  std::vector<uint32_t> luma_, channels_;
};

/// Sums of light, of its square and of what may be clipped, in cells.
class Light
{
public:
  Light(const Front & front)
  : front_(front), values_(front.cells_x * front.cell_columns * front.channels),
    sum_(values_), square_(values_), clipped_(values_),
    cells_(static_cast<size_t>(front.cells_y) * front.cells_x * front.channels * 3) {}

  template<typename Pixel>
  FOCUS_STACKING_INLINE void add(const Pixel * __restrict from, int y)
  {
    const int row = y / front_.cell_rows;
    if (row != row_) {
      flush();
      row_ = row;
    }
    uint32_t * __restrict sum = sum_.data(), * __restrict square = square_.data();
    uint16_t * __restrict clipped = clipped_.data();
    const int values = values_;
    for (int k = 0; k < values; ++k) {
      const uint16_t value = static_cast<uint16_t>(sizeof(Pixel) == 2 ? from[k] : from[k] * 256u);
      const uint16_t light = high(value, value);
      sum[k] += light;
      square[k] += high(light, light);
      clipped[k] = static_cast<uint16_t>(clipped[k] + (value >= kClipped ? 1 : 0));
    }
  }

  void take()
  {
    flush();
    for (size_t k = 0; k < cells_.size(); ++k) {
      front_.light[k] += cells_[k];
    }
  }

private:
  static FOCUS_STACKING_INLINE uint16_t high(uint16_t a, uint16_t b)
  {
    return static_cast<uint16_t>((static_cast<uint32_t>(a) * b) >> 16);
  }

  void flush()
  {
    if (row_ < 0) {
      return;
    }
    const int channels = front_.channels;
    uint64_t * cell = cells_.data() + static_cast<size_t>(row_) * front_.cells_x * channels * 3;
    for (int number = 0; number < front_.cells_x; ++number) {
      for (int c = 0; c < channels; ++c, cell += 3) {
        const int first = number * front_.cell_columns * channels + channel_of(front_, c);
        for (int k = first; k < first + front_.cell_columns * channels; k += channels) {
          cell[0] += sum_[k];
          cell[1] += square_[k];
          cell[2] += clipped_[k];
        }
      }
    }
    std::fill(sum_.begin(), sum_.end(), 0);
    std::fill(square_.begin(), square_.end(), 0);
    std::fill(clipped_.begin(), clipped_.end(), 0);
  }

  const Front & front_;
  int values_, row_ = -1;
  std::vector<uint32_t> sum_, square_;
  std::vector<uint16_t> clipped_;
  std::vector<uint64_t> cells_;
};

/// A band of half-size rows.
template<typename Pixel>
FOCUS_STACKING_INLINE void pass(const Front & front, int first, int last, Noise & noise,
  Light & light)
{
  const int rows = front.rows, columns = front.columns, channels = front.channels;
  const int half = (columns + 1) / 2, width = 2 * half;
  const Pixel * image = static_cast<const Pixel *>(front.image);
  const size_t stride = front.stride;
  const int light_rows = front.cells_y * front.cell_rows;
  Lines<int16_t, 16, kBeyond> lines(width);
  Lines<uint8_t, 2, kBeyond> sharp(width);
  Smoothing smoothing(width);
  std::vector<uint16_t> both(width);
  int loaded = 2 * first - kReach;
  for (int half_row = first; half_row < last; ++half_row) {
    for (; loaded <= 2 * half_row + 1 + kReach; ++loaded) {
      int16_t * line = lines.row(loaded);
      const Pixel * from = image + stride * mirrored(loaded, rows);
      luma_of_row(from, columns, channels, front.reverse != 0, line);
      mirror_ends(line, columns, width, kBeyond - 2);
      if (loaded >= 2 * first && loaded < smaller(2 * last, rows)) {
        if (loaded < light_rows && loaded % front.light_step == 0) {
          light.add(from, loaded);
        }
        if (front.luma) {
          std::memcpy(front.luma + static_cast<size_t>(loaded) * columns, line,
            columns * sizeof *line);
        }
      }
      if (front.sharpness && loaded >= 2 * first - kReach + 2) {
        const int y = loaded - 1;
        smoothing.add(lines.row(y - 1), lines.row(y), lines.row(y + 1), y, sharp.row(y - 4));
      }
    }
    for (int part = 0; part < 2; ++part) {
      const int y = 2 * half_row + part;
      if (front.sharpness && y < rows) {
        std::memcpy(front.sharpness + static_cast<size_t>(y) * columns, sharp.row(y), columns);
      }
      if (front.noise && y > 0 && y < rows - 1 && y % front.noise_step == 1) {
        noise.add(lines.row(y - 1), lines.row(y), lines.row(y + 1));
        if (front.channel_noise) {
          noise.add_channels(image + stride * y);
        }
      }
    }
    if (front.half) {
      const int16_t * above = lines.row(2 * half_row), * below = lines.row(2 * half_row + 1);
      for (int x = 0; x < width; ++x) {
        both[x] = static_cast<uint16_t>(above[x] + below[x]);
      }
      halve(both.data(), half, kResponseLimit, front.half + static_cast<size_t>(half_row) * half);
    }
    const int16_t * around[6];
    for (int k = 0; k < 6; ++k) {
      around[k] = lines.row(2 * half_row + k - 2);
    }
    if (front.ring) {
      differences_of_row<false>(around, width, false, both.data());
      differences_of_row<false>(around + 1, width, true, both.data());
      halve(both.data(), half, kResponseLimit, front.ring + static_cast<size_t>(half_row) * half);
    }
    if (front.cross) {
      differences_of_row<true>(around, width, false, both.data());
      differences_of_row<true>(around + 1, width, true, both.data());
      halve(both.data(), half, kResponseLimit, front.cross + static_cast<size_t>(half_row) * half);
    }
  }
}

FOCUS_STACKING_CLONES
void front_band(const Front & front, int first, int last, Noise & noise, Light & light)
{
  if (front.wide) {
    pass<uint16_t>(front, first, last, noise, light);
  } else {
    pass<uint8_t>(front, first, last, noise, light);
  }
}

}  // namespace
}  // namespace focus_stacking

int32_t focus_stacking_native_front(const focus_stacking::Front * front)
{
  return focus_stacking::guarded([&] {
    std::mutex mutex;
    focus_stacking::in_bands((front->rows + 1) / 2, focus_stacking::kBand,
      [&](int, int first, int last) {
        focus_stacking::Noise noise(*front);
        focus_stacking::Light light(*front);
        focus_stacking::front_band(*front, first, last, noise, light);
        std::lock_guard<std::mutex> lock(mutex);
        noise.take();
        light.take();
      });
  });
}

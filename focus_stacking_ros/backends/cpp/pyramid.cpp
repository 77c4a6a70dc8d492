// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// The pyramid of a slice for its registration: smoothed grey values and the sharpness of cells of
// 2x2 pixels on every level, as core/align/pyramid.py says.

#include "parallel.hpp"
#include "registration.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

namespace focus_stacking
{
namespace
{

constexpr int kBand = 32;  // rows of a level at a time
constexpr int64_t kShared = 1 << 16;  // pixels of a level that several threads share

/// What is squared and averaged over windows: in this order.
enum Energy {kDetail, kSlope, kNoise, kEnergies};

struct Rules
{
  const float * expanded;
  const float * smoothing;
  float clipped, noise_detail, noise_slope;
  int sampled;
};

struct Plane
{
  Plane(int rows, int columns)
  : rows(rows), columns(columns), values(new float[static_cast<size_t>(rows) * columns]) {}

  float * row(int y) {return values.get() + static_cast<size_t>(y) * columns;}
  const float * row(int y) const {return values.get() + static_cast<size_t>(y) * columns;}

  int rows, columns;
  std::unique_ptr<float[]> values;  // not set: all of them are written
};

FOCUS_STACKING_INLINE float larger(float a, float b) {return a > b ? a : b;}

/// Grey levels nearer to linear in light, from luma or the mean of 2x2 pixels of it.
FOCUS_STACKING_CLONES
void light_rows(
  const int16_t * luma, int columns, bool halved, const float * expanded, int first, int last,
  Plane & light)
{
  std::vector<int16_t> line(light.columns);
  int16_t * __restrict levels = line.data();
  for (int y = first; y < last; ++y) {
    const int16_t * __restrict upper = luma + static_cast<size_t>(halved ? 2 * y : y) * columns;
    if (halved) {
      const int16_t * __restrict lower = upper + columns;
      for (int x = 0; x < light.columns; ++x) {
        const int sum = upper[2 * x] + upper[2 * x + 1] + lower[2 * x] + lower[2 * x + 1];
        levels[x] = static_cast<int16_t>((sum + 2) >> 2);
      }
    } else {
      std::memcpy(levels, upper, sizeof(int16_t) * light.columns);
    }
    float * __restrict out = light.row(y);
    for (int x = 0; x < light.columns; ++x) {
      out[x] = expanded[smaller(greater(levels[x], 0), 4095)];
    }
  }
}

FOCUS_STACKING_CLONES
void halve_rows(const Plane & finer, int first, int last, Plane & coarser)
{
  for (int y = first; y < last; ++y) {
    const float * __restrict upper = finer.row(2 * y), * __restrict lower = finer.row(2 * y + 1);
    float * __restrict out = coarser.row(y);
    for (int x = 0; x < coarser.columns; ++x) {
      out[x] = ((upper[2 * x] + upper[2 * x + 1]) + (lower[2 * x] + lower[2 * x + 1])) * 0.25f;
    }
  }
}

/// Fills `margin` values beyond both ends of a line, mirrored without its edge.
FOCUS_STACKING_INLINE void mirror_ends(float * line, int size, int margin)
{
  for (int k = 1; k <= margin; ++k) {
    line[-k] = line[mirrored(-k, size)];
    line[size - 1 + k] = line[mirrored(size - 1 + k, size)];
  }
}

FOCUS_STACKING_CLONES
void smooth_rows(const Plane & light, const float * weights, int first, int last, float * result)
{
  const int columns = light.columns;
  std::vector<float> padded(columns + 4);
  float * __restrict line = padded.data() + 2;
  const float near = weights[1], far = weights[0], centre = weights[2];
  for (int y = first; y < last; ++y) {
    const float * __restrict rows[5];
    for (int k = 0; k < 5; ++k) {
      rows[k] = light.row(mirrored(y + k - 2, light.rows));
    }
    for (int x = 0; x < columns; ++x) {
      line[x] = centre * rows[2][x] + near * (rows[1][x] + rows[3][x]) +
        far * (rows[0][x] + rows[4][x]);
    }
    mirror_ends(line, columns, 2);
    float * __restrict out = result + static_cast<size_t>(y) * columns;
    for (int x = 0; x < columns; ++x) {
      out[x] = centre * line[x] + near * (line[x - 1] + line[x + 1]) +
        far * (line[x - 2] + line[x + 2]);
    }
  }
}

/// Squares of the derivatives of a row, from it and its neighbours with a value beyond each end.
FOCUS_STACKING_INLINE void add_energies(
  const float * __restrict upper, const float * __restrict middle, const float * __restrict lower,
  int columns, float * __restrict detail, float * __restrict slope, float * __restrict noise)
{
  for (int x = 0; x < columns; ++x) {
    const float sides = middle[x - 1] + middle[x + 1], across = upper[x] + lower[x];
    const float laplacian = sides + across - 4 * middle[x];
    const float corner = (upper[x - 1] + upper[x + 1]) + (lower[x - 1] + lower[x + 1]) -
      2 * (sides + across) + 4 * middle[x];
    const float along_x = (3 * ((upper[x + 1] - upper[x - 1]) + (lower[x + 1] - lower[x - 1])) +
      10 * (middle[x + 1] - middle[x - 1])) * (1.0f / 32);
    const float along_y = (3 * ((lower[x - 1] - upper[x - 1]) + (lower[x + 1] - upper[x + 1])) +
      10 * (lower[x] - upper[x])) * (1.0f / 32);
    detail[x] += laplacian * laplacian;
    slope[x] += along_x * along_x + along_y * along_y;
    noise[x] += corner * corner;
  }
}

/// Means of the energies over the cells of some rows of cells.
FOCUS_STACKING_CLONES
void energy_rows(
  const float * grey, int rows, int columns, int first, int last, Plane * energies)
{
  const int padded = columns + 2;
  std::vector<float> lines(static_cast<size_t>(4) * padded);
  std::vector<float> sums(static_cast<size_t>(kEnergies) * (columns + 1));
  const auto line = [&](int k) {return lines.data() + static_cast<size_t>(k) * padded + 1;};
  for (int r = first; r < last; ++r) {
    for (int k = 0; k < 4; ++k) {
      std::memcpy(line(k), grey + static_cast<size_t>(mirrored(2 * r - 1 + k, rows)) * columns,
        sizeof(float) * columns);
      mirror_ends(line(k), columns, 1);
    }
    std::fill(sums.begin(), sums.end(), 0.0f);
    float * sum[kEnergies];
    for (int kind = 0; kind < kEnergies; ++kind) {
      sum[kind] = sums.data() + static_cast<size_t>(kind) * (columns + 1);
    }
    const int height = 2 * r + 1 < rows ? 2 : 1;
    for (int k = 0; k < height; ++k) {
      add_energies(line(k), line(k + 1), line(k + 2), columns, sum[kDetail], sum[kSlope],
        sum[kNoise]);
    }
    const float share = 0.5f / static_cast<float>(height);
    for (int kind = 0; kind < kEnergies; ++kind) {
      float * __restrict total = sum[kind], * __restrict out = energies[kind].row(r);
      total[columns] = total[columns - 1];  // an odd end counts twice
      for (int x = 0; x < energies[kind].columns; ++x) {
        out[x] = (total[2 * x] + total[2 * x + 1]) * share;
      }
    }
  }
}

/// Means over windows of cells, of some rows.
FOCUS_STACKING_CLONES
void window_rows(const Plane & energy, int side, int first, int last, int step, Plane & mean)
{
  const int columns = energy.columns, reach = side / 2;
  std::vector<float> padded(columns + 2 * reach);
  float * __restrict line = padded.data() + reach;
  const float share = 1.0f / static_cast<float>(side * side);
  for (int r = first; r < last; ++r) {
    if (r % step != 0) {
      continue;
    }
    std::memcpy(line, energy.row(mirrored(r - reach, energy.rows)), sizeof(float) * columns);
    for (int k = 1 - reach; k <= reach; ++k) {
      const float * __restrict row = energy.row(mirrored(r + k, energy.rows));
      for (int x = 0; x < columns; ++x) {
        line[x] += row[x];
      }
    }
    mirror_ends(line, columns, reach);
    float * __restrict out = mean.row(r);
    for (int x = 0; x < columns; ++x) {
      out[x] = line[x - reach];
    }
    for (int k = 1 - reach; k <= reach; ++k) {
      for (int x = 0; x < columns; ++x) {
        out[x] += line[x + k];
      }
    }
    for (int x = 0; x < columns; ++x) {
      out[x] *= share;
    }
  }
}

/// What one in twenty of the means falls short of, from every `step`-th row and column.
float faintest(const Plane & mean, int step)
{
  constexpr int kShift = 21, kBins = 1 << (31 - kShift);  // none is less than 0
  const int across = (mean.columns + step - 1) / step;
  std::vector<float> some(static_cast<size_t>((mean.rows + step - 1) / step) * across);
  std::vector<int> bins(kBins);
  const auto bin_of = [](float value) {
      uint32_t bits;
      std::memcpy(&bits, &value, sizeof bits);
      return static_cast<int>((bits & 0x7fffffffu) >> kShift);
    };
  float * to = some.data();
  for (int r = 0; r < mean.rows; r += step) {
    const float * row = mean.row(r);
    for (int c = 0; c < mean.columns; c += step) {
      ++bins[bin_of(row[c])];
      *to++ = row[c];
    }
  }
  // Only those as large as the one that is looked for are put in order.
  int rank = static_cast<int>((some.size() - 1) / 20), bin = 0;
  for (; rank >= bins[bin]; ++bin) {
    rank -= bins[bin];
  }
  const auto end = std::remove_if(some.begin(), some.end(), [&](float value) {
      return bin_of(value) != bin;
    });
  std::nth_element(some.begin(), some.begin() + rank, end);
  return some[rank];
}

/// Sharpness of some rows of cells, 0 where something near is clipped.
FOCUS_STACKING_CLONES
void cell_rows(
  const Plane & light, const Plane & detail, const Plane & slope, float floor_detail,
  float floor_slope, float clipped, int first, int last, float * cells)
{
  const int columns = detail.columns;
  std::vector<float> brightest(light.columns + 6);
  for (int r = first; r < last; ++r) {
    float * __restrict bright = brightest.data() + 2;
    std::fill(brightest.begin(), brightest.end(), 0.0f);
    for (int y = greater(2 * r - 2, 0); y <= smaller(2 * r + 3, light.rows - 1); ++y) {
      const float * __restrict row = light.row(y);
      for (int x = 0; x < light.columns; ++x) {
        bright[x] = larger(bright[x], row[x]);
      }
    }
    int some = 0;
    const float * __restrict details = detail.row(r), * __restrict slopes = slope.row(r);
    float * __restrict out = cells + static_cast<size_t>(r) * columns;
    for (int c = 0; c < columns; ++c) {
      out[c] = larger(details[c] - 2 * floor_detail, 0.0f) / (slopes[c] + (floor_slope + 2.0f));
    }
    for (int x = 0; x < light.columns; ++x) {
      some |= bright[x] >= clipped;
    }
    for (int c = 0; some != 0 && c < columns; ++c) {
      for (int x = 2 * c - 2; x < 2 * c + 4; ++x) {
        if (bright[x] >= clipped) {
          out[c] = 0;
        }
      }
    }
  }
}

void build_level(const Plane & light, const Rules & rules, int window, float * grey, float * cells)
{
  const int rows = light.rows, columns = light.columns;
  const int down = (rows + 1) / 2, across = (columns + 1) / 2;
  const int64_t size = static_cast<int64_t>(down) * across;
  const bool shared = 4 * size >= kShared;
  in_bands(rows, kBand, [&](int, int first, int last) {
      smooth_rows(light, rules.smoothing, first, last, grey);
    }, shared);
  Plane energies[kEnergies] = {{down, across}, {down, across}, {down, across}};
  in_bands(down, kBand / 2, [&](int, int first, int last) {
      energy_rows(grey, rows, columns, first, last, energies);
    }, shared);
  int step = 1;
  while (static_cast<int64_t>(step + 1) * (step + 1) <= size / rules.sampled) {
    ++step;
  }
  Plane means[kEnergies] = {{down, across}, {down, across}, {down, across}};
  in_bands(down, kBand, [&](int, int first, int last) {
      for (int kind = 0; kind < kEnergies; ++kind) {
        window_rows(energies[kind], window, first, last, kind == kNoise ? step : 1, means[kind]);
      }
    }, shared);
  float faint[kEnergies];
  in_bands(kEnergies, 1, [&](int kind, int, int) {faint[kind] = faintest(means[kind], step);},
    shared);
  const float floor_detail = std::min(faint[kDetail], rules.noise_detail * faint[kNoise]);
  const float floor_slope = std::min(faint[kSlope], rules.noise_slope * faint[kNoise]);
  in_bands(down, kBand, [&](int, int first, int last) {
      cell_rows(light, means[kDetail], means[kSlope], floor_detail, floor_slope, rules.clipped,
        first, last, cells);
    }, shared);
}

}  // namespace
}  // namespace focus_stacking

int32_t focus_stacking_native_pyramid(
  const int16_t * luma, int32_t rows, int32_t columns, int32_t halved, int32_t count,
  const float * expanded, const float * rules, const int32_t * windows, int32_t sampled,
  float * const * grey, float * const * cells)
{
  return focus_stacking::guarded([&] {
    using focus_stacking::Plane;
    const focus_stacking::Rules all{expanded, rules, rules[5], rules[6], rules[7], sampled};
    Plane light(halved ? rows / 2 : rows, halved ? columns / 2 : columns);
    focus_stacking::in_bands(light.rows, focus_stacking::kBand, [&](int, int first, int last) {
      focus_stacking::light_rows(luma, columns, halved != 0, expanded, first, last, light);
    });
    for (int number = 0; number < count; ++number) {
      if (number > 0) {
        Plane coarser(light.rows / 2, light.columns / 2);
        focus_stacking::in_bands(coarser.rows, focus_stacking::kBand,
          [&](int, int first, int last) {
            focus_stacking::halve_rows(light, first, last, coarser);
          }, 4 * static_cast<int64_t>(coarser.rows) * coarser.columns >= focus_stacking::kShared);
        light = std::move(coarser);
      }
      focus_stacking::build_level(light, all, windows[number], grey[number], cells[number]);
    }
  });
}

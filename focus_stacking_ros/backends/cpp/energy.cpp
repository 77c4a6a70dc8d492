// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0

#include "energy.hpp"

#include "floats.hpp"
#include "luma.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace focus_stacking
{
namespace
{

constexpr int kSide = 8, kBlocks = 4;  // pixels of a block, blocks of a band one above the other
constexpr int kReach = 3, kMargin = kReach + 1;  // of the smoothing, and of the Laplacian of that
constexpr int kLines = kBlocks * kSide + 2 * kMargin;

/// Lines of a band.
struct Lines
{
  explicit Lines(int across)
  : width(across * kSide), stride(width + 2 * kMargin),
    moved(static_cast<size_t>(kLines) * stride), upright(stride), smooth(3 * stride),
    sums(width), x(width), y(width), offset(width), corners(4 * static_cast<size_t>(width)) {}

  float * line(int v) {return moved.data() + static_cast<size_t>(v) * stride + kMargin;}

  int width, stride, first = 0, count = 0;
  std::vector<int16_t> luma;  // rows `first` and on of the image, `count` of them
  std::vector<float> moved, upright, smooth, sums, x, y;
  std::vector<int32_t> offset;
  std::vector<int16_t> corners;
};

/// Greatest integer that is not above.
FOCUS_STACKING_INLINE int below(float value)
{
  const int whole = static_cast<int>(value);
  return whole - (static_cast<float>(whole) > value);
}

/// Moves a pixel that lies beyond the rim to it; the part of 1 to the next one is `part`.
FOCUS_STACKING_INLINE int held(int place, int last, float & part)
{
  part = place < 0 ? 0.0f : part;
  part = place >= last ? 1.0f : part;
  return smaller(greater(place, 0), last - 1);
}

/// The luma of the rows that a band needs.
FOCUS_STACKING_INLINE void load(const EnergyJob & job, int top, Lines & lines)
{
  const double * p = job.place;
  double low = INFINITY, high = -INFINITY;
  for (int v : {top - kMargin, top - kMargin + kLines - 1}) {
    for (int u : {0, lines.width - 1}) {
      const double y = p[3] * u + p[4] * v + p[5];
      low = std::min(low, y);
      high = std::max(high, y);
    }
  }
  // One more on either side: a place is rounded.
  const double last = job.rows - 2;
  lines.first = static_cast<int>(std::min(std::max(std::floor(low) - 1, 0.0), last));
  lines.count = static_cast<int>(
    std::max(std::min(std::ceil(high) + 2, last + 2), lines.first + 2.0)) - lines.first;
  const int columns = job.columns;
  lines.luma.resize(static_cast<size_t>(lines.count) * columns);
  const size_t across = static_cast<size_t>(columns) * job.channels;
  for (int row = 0; row < lines.count; ++row) {
    const size_t from = (lines.first + row) * across;
    int16_t * to = lines.luma.data() + static_cast<size_t>(row) * columns;
    if (job.kind == 2) {
      std::memcpy(to, static_cast<const int16_t *>(job.image) + from, sizeof *to * columns);
    } else if (job.kind == 1) {
      luma_of_row(
        static_cast<const uint16_t *>(job.image) + from, columns, job.channels, job.reverse != 0,
        to);
    } else {
      luma_of_row(
        static_cast<const uint8_t *>(job.image) + from, columns, job.channels, job.reverse != 0,
        to);
    }
  }
}

/// A row of the grid, interpolated and rounded, mirrored beyond its ends.
FOCUS_STACKING_INLINE void move(const EnergyJob & job, int row, Lines & lines, float * line)
{
  constexpr float kRounding = 12582912.0f;  // 1.5 * 2^23: a sum with it has no fraction
  constexpr float kFar = 1e6f;  // pixels that an integer still holds
  const double * p = job.place;
  const int width = lines.width, columns = job.columns, count = lines.count;
  // By how far a pixel moves is known better than where it lies.
  const float across = static_cast<float>(p[0] - 1.0);
  const float left = static_cast<float>(p[1] * row + p[2]);
  const float down = static_cast<float>(p[3]);
  const float up = static_cast<float>(p[4] * row + p[5] - lines.first);
  float * __restrict x = lines.x.data(), * __restrict y = lines.y.data();
  int32_t * __restrict offset = lines.offset.data();
  for (int u = 0; u < width; ++u) {
    const float place = static_cast<float>(u);
    const float by = limited(across * place + left, -kFar, kFar);
    const float height = limited(down * place + up, -kFar, kFar);
    const int step = below(by), lower = below(height);
    float part = by - static_cast<float>(step), rest = height - static_cast<float>(lower);
    const int column = held(u + step, columns - 1, part), line_of = held(lower, count - 1, rest);
    offset[u] = line_of * columns + column;
    x[u] = part;
    y[u] = rest;
  }
  int16_t * __restrict corners[4];
  for (int k = 0; k < 4; ++k) {
    corners[k] = lines.corners.data() + static_cast<size_t>(k) * width;
  }
  const int16_t * luma = lines.luma.data();
  for (int u = 0; u < width; u += kSide) {
    int apart = 0;
    for (int k = 0; k < kSide; ++k) {
      apart |= offset[u + k] - offset[u] - k;
    }
    for (int k = 0; k < 4; ++k) {
      const int16_t * from = luma + k / 2 * columns + k % 2;
      if (apart == 0) {  // side by side
        std::memcpy(corners[k] + u, from + offset[u], sizeof *luma * kSide);
        continue;
      }
      for (int m = u; m < u + kSide; ++m) {
        corners[k][m] = from[offset[m]];
      }
    }
  }
  const int16_t * __restrict a = corners[0], * __restrict b = corners[1];
  const int16_t * __restrict c = corners[2], * __restrict d = corners[3];
  float * __restrict to = line;
  for (int u = 0; u < width; ++u) {
    const float one = a[u] + x[u] * static_cast<float>(b[u] - a[u]);
    const float other = c[u] + x[u] * static_cast<float>(d[u] - c[u]);
    to[u] = (one + y[u] * (other - one) + kRounding) - kRounding;
  }
  for (int k = 1; k <= kMargin; ++k) {
    line[-k] = line[k];
    line[width - 1 + k] = line[width - 1 - k];
  }
}

/// A line smoothed both ways, from one pixel before it to one behind; `v`: its number.
FOCUS_STACKING_INLINE void smoothed(const float * taps, int v, Lines & lines, float * __restrict to)
{
  const int width = lines.width, stride = lines.stride;
  const float * here = lines.line(v);
  float * __restrict upright = lines.upright.data() + kMargin;
  const float t0 = taps[0], t1 = taps[1], t2 = taps[2], t3 = taps[3];
  for (int u = -kMargin; u < width + kMargin; ++u) {
    upright[u] = t0 * here[u] + t1 * (here[u - stride] + here[u + stride]) +
      t2 * (here[u - 2 * stride] + here[u + 2 * stride]) +
      t3 * (here[u - 3 * stride] + here[u + 3 * stride]);
  }
  for (int u = -1; u <= width; ++u) {
    to[u] = t0 * upright[u] + t1 * (upright[u - 1] + upright[u + 1]) +
      t2 * (upright[u - 2] + upright[u + 2]) + t3 * (upright[u - 3] + upright[u + 3]);
  }
}

}  // namespace

FOCUS_STACKING_CLONES
void energy_of_band(const EnergyJob & job, int band, Lines & lines)
{
  const int width = lines.width, top = job.tops[band];
  load(job, top, lines);
  for (int v = 0; v < kLines; ++v) {
    move(job, top - kMargin + v, lines, lines.line(v));
  }
  float * smooth[3];
  for (int k = 0; k < 3; ++k) {
    smooth[k] = lines.smooth.data() + k * lines.stride + kMargin;
  }
  smoothed(job.taps, kMargin - 1, lines, smooth[0]);
  smoothed(job.taps, kMargin, lines, smooth[1]);
  float * __restrict sums = lines.sums.data();
  for (int block = 0; block < kBlocks; ++block) {
    std::fill_n(sums, width, 0.0f);
    for (int row = 0; row < kSide; ++row) {
      smoothed(job.taps, kMargin + 1 + kSide * block + row, lines, smooth[2]);
      const float * above = smooth[0], * here = smooth[1], * below_it = smooth[2];
      for (int u = 0; u < width; ++u) {
        const float laplacian =
          (above[u] + below_it[u]) + (here[u - 1] + here[u + 1]) - 4.0f * here[u];
        sums[u] += laplacian * laplacian;
      }
      std::rotate(smooth, smooth + 1, smooth + 3);
    }
    float * result = job.result + (static_cast<size_t>(band) * kBlocks + block) * job.across;
    for (int k = 0; k < job.across; ++k) {
      const float * some = sums + kSide * k;
      result[k] = (((some[0] + some[1]) + (some[2] + some[3])) +
        ((some[4] + some[5]) + (some[6] + some[7]))) * (1.0f / (kSide * kSide));
    }
  }
}

}  // namespace focus_stacking

int32_t focus_stacking_native_energy(const focus_stacking::EnergyJob * job)
{
  return focus_stacking::guarded([&] {
    focus_stacking::Lines lines(job->across);
    for (int band = 0; band < job->bands; ++band) {
      focus_stacking::energy_of_band(*job, band, lines);
    }
  });
}

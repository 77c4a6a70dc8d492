// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// A response in another pixel grid: bilinear interpolation, gain and 'no data' in one pass.

#include "native.hpp"
#include "parallel.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

namespace focus_stacking
{
namespace
{

constexpr int kGainOne = 1 << 14;
constexpr int kAtOnce = 32;  // pixels
constexpr int kBandPixels = 1 << 16;  // less is not worth a thread

/// Response from a sum of products of ten bits of weight: halves to even, then the gain.
FOCUS_STACKING_INLINE int16_t finished(int32_t total, uint32_t gain)
{
  const uint32_t moved = static_cast<uint32_t>(total + 511 + ((total >> 10) & 1)) >> 10;
  const int value = static_cast<int>((moved * gain + (kGainOne / 2)) >> 14);
  return static_cast<int16_t>(smaller(value, kResponseLimit));
}

/// Whether so many pixels lie side by side.
FOCUS_STACKING_INLINE bool beside_each_other(const int32_t * offset)
{
  int32_t apart = 0;
  for (int k = 0; k < kAtOnce; ++k) {
    apart |= offset[k] - offset[0] - k;
  }
  return apart == 0;
}

/// Responses between those of two lines, `x` and `y` parts of 32 right and below; `upper(k)` and
/// `lower(k)` give the two beside each other of a pixel.
template<typename Pair>
FOCUS_STACKING_INLINE void between(
  Pair upper, Pair lower, const int32_t * x, const int32_t * y, int count, uint32_t gain,
  int16_t * __restrict out)
{
  for (int k = 0; k < count; ++k) {
    const int one = (32 - y[k]) * upper.left(k) + y[k] * lower.left(k);
    const int other = (32 - y[k]) * upper.right(k) + y[k] * lower.right(k);
    out[k] = finished(32 * one + x[k] * (other - one), gain);
  }
}

/// Pixels side by side.
struct Beside
{
  const uint16_t * first;

  FOCUS_STACKING_INLINE int left(int k) const {return first[k];}
  FOCUS_STACKING_INLINE int right(int k) const {return first[k + 1];}
};

/// Pairs wherever they lie, the left one in the low bytes.
struct Scattered
{
  const uint32_t * pairs;

  FOCUS_STACKING_INLINE int left(int k) const {return static_cast<int>(pairs[k] & 65535);}
  FOCUS_STACKING_INLINE int right(int k) const {return static_cast<int>(pairs[k] >> 16);}
};

}  // namespace

FOCUS_STACKING_CLONES
void align_rows(
  const int16_t * response, int rows, int columns, const int32_t * columns_x,
  const int32_t * rows_x, const int32_t * columns_y, const int32_t * rows_y, bool separable,
  uint32_t gain, int first, int last, int16_t * result)
{
  std::vector<int32_t> xs(columns), ys(columns), offsets(columns);
  int32_t * __restrict x = xs.data(), * __restrict y = ys.data();
  int32_t * __restrict offset = offsets.data();
  for (int v = first; v < last; ++v) {
    const int32_t row_x = rows_x[separable ? 0 : v], row_y = rows_y[v];
    int left = 0, right = columns;
    narrow([&](int u) {return (columns_x[u] + row_x) >> 10;}, 32 * (columns - 1), left, right);
    narrow([&](int u) {return (columns_y[separable ? 0 : u] + row_y) >> 10;}, 32 * (rows - 1),
      left, right);
    for (int u = left; u < right; ++u) {
      // At the last pixel the one before it gets the weight 0 and itself 32 of 32.
      x[u] = (columns_x[u] + row_x) >> 10;
      y[u] = (columns_y[separable ? 0 : u] + row_y) >> 10;
      const int column = smaller(x[u] >> 5, columns - 2), row = smaller(y[u] >> 5, rows - 2);
      offset[u] = row * columns + column;
      x[u] -= 32 * column;
      y[u] -= 32 * row;
    }
    int16_t * out = result + static_cast<size_t>(v) * columns;
    std::fill(out, out + left, static_cast<int16_t>(-1));
    for (int u = left; u < right; u += kAtOnce) {
      const int count = smaller(right - u, kAtOnce);
      if (count == kAtOnce && beside_each_other(offset + u)) {
        const uint16_t * upper = reinterpret_cast<const uint16_t *>(response) + offset[u];
        between(Beside{upper}, Beside{upper + columns}, x + u, y + u, kAtOnce, gain, out + u);
        continue;
      }
      uint32_t upper[kAtOnce], lower[kAtOnce];
      for (int k = 0; k < count; ++k) {
        std::memcpy(upper + k, response + offset[u + k], sizeof *upper);
        std::memcpy(lower + k, response + offset[u + k] + columns, sizeof *lower);
      }
      between(Scattered{upper}, Scattered{lower}, x + u, y + u, count, gain, out + u);
    }
    std::fill(out + right, out + columns, static_cast<int16_t>(-1));
  }
}

}  // namespace focus_stacking

int32_t focus_stacking_native_align(
  const int16_t * response, int32_t rows, int32_t columns, const int32_t * columns_x,
  const int32_t * rows_x, const int32_t * columns_y, const int32_t * rows_y, int32_t separable,
  int32_t gain, int32_t first, int32_t last, int16_t * result)
{
  return focus_stacking::guarded([&] {
    const int height = focus_stacking::kBandPixels / columns;
    focus_stacking::in_bands(last - first, height, [&](int, int begin, int end) {
      focus_stacking::align_rows(response, rows, columns, columns_x, rows_x, columns_y, rows_y,
        separable != 0, static_cast<uint32_t>(gain), first + begin, first + end, result);
    });
  });
}

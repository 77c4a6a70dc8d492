// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0

#include "faint.hpp"

#include "blocks.hpp"

#include <algorithm>
#include <vector>

namespace focus_stacking
{
namespace
{

constexpr int kCoarse = 16, kBlock = kBlockSide * kCoarse;  // columns that are done at once

/// Values of a coarser plane between its columns, in 1/8.
typedef uint16_t Line[kBlock];

/// Planes of a quarter of the size, interpolated as cv2.resize does, to the last bit.
struct Coarser
{
  int rows, columns;

  /// A row, moved to the rim from beyond it.
  FOCUS_STACKING_INLINE const uint8_t * row(const uint8_t * plane, int number) const
  {
    return plane + static_cast<size_t>(smaller(greater(number, 0), rows - 1)) * columns;
  }

  /// The columns from `first` on, each four times.
  FOCUS_STACKING_INLINE void spread(const uint8_t * row, int first, Line & line) const
  {
    uint8_t values[kCoarse + 2];
    if (first > 0 && first + kCoarse < columns) {
      std::copy_n(row + first - 1, kCoarse + 2, values);
    } else {
      for (int k = 0; k < kCoarse + 2; ++k) {
        values[k] = row[smaller(greater(first - 1 + k, 0), columns - 1)];
      }
    }
    for (int k = 0; k < kCoarse; ++k) {
      const int left = values[k], middle = values[k + 1], right = values[k + 2];
      line[kBlockSide * k] = static_cast<uint16_t>(3 * left + 5 * middle);
      line[kBlockSide * k + 1] = static_cast<uint16_t>(left + 7 * middle);
      line[kBlockSide * k + 2] = static_cast<uint16_t>(7 * middle + right);
      line[kBlockSide * k + 3] = static_cast<uint16_t>(5 * middle + 3 * right);
    }
  }

  /// Bits that any of the rows has that a row needs.
  FOCUS_STACKING_INLINE void gather(const uint8_t * plane, int number, uint8_t * bits) const
  {
    const uint8_t * above = row(plane, number - 1), * below = row(plane, number + 1);
    const uint8_t * middle = row(plane, number);
    uint8_t * __restrict found = bits;
    for (int k = 0; k < columns; ++k) {
      found[k] = static_cast<uint8_t>(above[k] | middle[k] | below[k]);
    }
  }

  /// Whether any that a block needs is set.
  FOCUS_STACKING_INLINE bool any(const uint8_t * bits, int first) const
  {
    const int end = smaller(first + kCoarse + 1, columns);
    for (int k = greater(first - 1, 0); k < end; ++k) {
      if (bits[k]) {
        return true;
      }
    }
    return false;
  }
};

/// A sum of 16 bits: with more the processor does half as many at once.
FOCUS_STACKING_INLINE uint16_t narrow(int a)
{
  return static_cast<uint16_t>(a);
}

/// The nearest integer to a / 255, of a up to 255 * 255.
FOCUS_STACKING_INLINE uint16_t of_255(uint16_t a)
{
  const uint16_t more = narrow(a + 128);
  return narrow(narrow(more + narrow(more >> 8)) >> 8);
}

/// Mixes `width` columns of the rows of a coarser pixel.
FOCUS_STACKING_INLINE void mix(
  const FaintJob & job, const Coarser & coarser, int number, int first, int width)
{
  constexpr int kFirst[] = {3, 1, 7, 5};  // eighths of the upper one of two rows
  Line shares[3], coarse[3];
  for (int k = 0; k < 3; ++k) {
    coarser.spread(coarser.row(job.coarse_share, number - 1 + k), first, shares[k]);
    coarser.spread(coarser.row(job.coarse, number - 1 + k), first, coarse[k]);
  }
  const int rows = smaller(job.rows - kBlockSide * number, kBlockSide);
  for (int v = 0; v < rows; ++v) {
    const int above = kFirst[v], below = 8 - above, upper = v / 2;
    const size_t at =
      static_cast<size_t>(kBlockSide * number + v) * job.columns + kBlockSide * first;
    uint8_t fine[kBlock] = {}, mixed[kBlock];
    std::copy_n(job.sharpness + at, width, fine);
    const auto between = [&](const Line (&lines)[3], int u) {
        const uint16_t one = narrow(narrow(above * lines[upper][u]) >> 4);
        const uint16_t other = narrow(narrow(below * lines[upper + 1][u]) >> 4);
        return narrow(narrow(one + other + 2) >> 2);
      };
    for (int u = 0; u < kBlock; ++u) {
      const uint16_t share = between(shares, u), rest = narrow(255 - share);
      const uint16_t sum = narrow(
        of_255(narrow(fine[u] * rest)) + of_255(narrow(between(coarse, u) * share)));
      mixed[u] = static_cast<uint8_t>(sum < 255 ? sum : 255);
    }
    std::copy_n(mixed, width, job.result + at);
    for (int u = 0; u < width && job.valid; ++u) {
      job.result[at + u] = static_cast<uint8_t>(mixed[u] & job.valid[at + u]);
    }
  }
}

}  // namespace

FOCUS_STACKING_CLONES
void mix(const FaintJob & job)
{
  const Coarser coarser{blocks_of(job.rows), blocks_of(job.columns)};
  std::vector<uint8_t> bits(coarser.columns);
  for (int number = 0; number < coarser.rows; ++number) {
    coarser.gather(job.coarse_share, number, bits.data());
    for (int first = 0; first < coarser.columns; first += kCoarse) {
      const int width = smaller(job.columns - kBlockSide * first, kBlock);
      if (coarser.any(bits.data(), first)) {
        mix(job, coarser, number, first, width);
        continue;
      }
      if (job.result == job.sharpness && !job.valid) {
        continue;
      }
      const int rows = smaller(job.rows - kBlockSide * number, kBlockSide);
      for (int v = 0; v < rows; ++v) {
        const size_t at =
          static_cast<size_t>(kBlockSide * number + v) * job.columns + kBlockSide * first;
        for (int u = 0; u < width; ++u) {
          job.result[at + u] = static_cast<uint8_t>(
            job.sharpness[at + u] & (job.valid ? job.valid[at + u] : 255));
        }
      }
    }
  }
}

}  // namespace focus_stacking

int32_t focus_stacking_native_faint(const focus_stacking::FaintJob * job)
{
  return focus_stacking::guarded([&] {focus_stacking::mix(*job);});
}

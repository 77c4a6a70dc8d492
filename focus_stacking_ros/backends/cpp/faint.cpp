// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0

#include "faint.hpp"

#include "blocks.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

namespace focus_stacking
{
namespace
{

constexpr int kCoarse = 16, kBlock = kBlockSide * kCoarse;  // columns that are done at once

/// Four numbers of 16 bits as they lie in memory, in one of 64.
constexpr uint64_t four_of(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
  return a | b << 16 | c << 32 | d << 48;
}

/// Planes of a quarter of the size, interpolated as cv2.resize does, to the last bit.
struct Coarser
{
  int rows, columns;

  /// A row, moved to the rim from beyond it.
  FOCUS_STACKING_INLINE const uint8_t * row(const uint8_t * plane, int number) const
  {
    return plane + static_cast<size_t>(smaller(greater(number, 0), rows - 1)) * columns;
  }

  /// Values between the columns from `first` on, kBlock of them in 1/8.
  FOCUS_STACKING_INLINE void spread(const uint8_t * row, int first, uint16_t * line) const
  {
    uint8_t values[kCoarse + 2];
    if (first > 0 && first + kCoarse < columns) {
      std::copy_n(row + first - 1, kCoarse + 2, values);
    } else {
      for (int k = 0; k < kCoarse + 2; ++k) {
        values[k] = row[smaller(greater(first - 1 + k, 0), columns - 1)];
      }
    }
    // Four numbers of 16 bits in one of 64, none of which is above 8 * 255: else the processor
    // stores each by itself.
    for (int k = 0; k < kCoarse; ++k) {
      const uint64_t four = values[k] * four_of(3, 1, 0, 0) + values[k + 1] * four_of(5, 7, 7, 5) +
        values[k + 2] * four_of(0, 0, 1, 3);
      std::memcpy(line + kBlockSide * k, &four, sizeof(four));
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

/// Rows of a plane between their columns; each part of a row is made once for the three that need it.
class Spread
{
public:
  Spread(const Coarser & coarser, const uint8_t * plane)
  : coarser_(coarser), plane_(plane), blocks_((coarser.columns + kCoarse - 1) / kCoarse),
    lines_(3 * blocks_ * kBlock), made_(3 * blocks_, kNone)
  {
  }

  /// The numbers of a row from a column on, a multiple of kCoarse.
  FOCUS_STACKING_INLINE const uint16_t * line(int number, int first)
  {
    const size_t at = static_cast<size_t>((number + 3) % 3) * blocks_ + first / kCoarse;
    uint16_t * const line = lines_.data() + at * kBlock;
    if (made_[at] != number) {
      made_[at] = number;
      coarser_.spread(coarser_.row(plane_, number), first, line);
    }
    return line;
  }

private:
  static constexpr int kNone = -2;

  const Coarser & coarser_;
  const uint8_t * plane_;
  size_t blocks_;
  std::vector<uint16_t> lines_;
  std::vector<int> made_;
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

/// Mixes `width` columns of the rows of a coarser pixel: kBlock of them where `whole`, which is
/// faster where the compiler knows it.
template<bool whole>
FOCUS_STACKING_INLINE void mix(
  const FaintJob & job, Spread & shares, Spread & coarse, int number, int first, int given_width)
{
  const int width = whole ? kBlock : given_width;
  constexpr int kFirst[] = {3, 1, 7, 5};  // eighths of the upper one of two rows
  const uint16_t * share_lines[3], * coarse_lines[3];
  for (int k = 0; k < 3; ++k) {
    share_lines[k] = shares.line(number - 1 + k, first);
    coarse_lines[k] = coarse.line(number - 1 + k, first);
  }
  const int rows = smaller(job.rows - kBlockSide * number, kBlockSide);
  for (int v = 0; v < rows; ++v) {
    const int above = kFirst[v], below = 8 - above, upper = v / 2;
    const size_t at =
      static_cast<size_t>(kBlockSide * number + v) * job.columns + kBlockSide * first;
    uint8_t rim[kBlock] = {}, * const result = job.result + at;
    const uint8_t * fine = whole ? job.sharpness + at : rim;
    uint8_t * mixed = whole ? result : rim;
    if (!whole) {
      std::copy_n(job.sharpness + at, width, rim);
    }
    const auto between = [&](const uint16_t * const (&lines)[3], int u) {
        const uint16_t one = narrow(narrow(above * lines[upper][u]) >> 4);
        const uint16_t other = narrow(narrow(below * lines[upper + 1][u]) >> 4);
        return narrow(narrow(one + other + 2) >> 2);
      };
    FOCUS_STACKING_INDEPENDENT  // a pixel is written where it was read, if anywhere
    for (int u = 0; u < kBlock; ++u) {
      const uint16_t share = between(share_lines, u), rest = narrow(255 - share);
      const uint16_t sum = narrow(
        of_255(narrow(fine[u] * rest)) + of_255(narrow(between(coarse_lines, u) * share)));
      mixed[u] = static_cast<uint8_t>(sum < 255 ? sum : 255);
    }
    if (!whole) {
      std::copy_n(rim, width, result);
    }
    for (int u = 0; u < width && job.valid; ++u) {
      result[u] = static_cast<uint8_t>(result[u] & job.valid[at + u]);
    }
  }
}

}  // namespace

FOCUS_STACKING_CLONES
void mix(const FaintJob & job)
{
  const Coarser coarser{blocks_of(job.rows), blocks_of(job.columns)};
  Spread shares(coarser, job.coarse_share), coarse(coarser, job.coarse);
  std::vector<uint8_t> bits(coarser.columns);
  for (int number = 0; number < coarser.rows; ++number) {
    coarser.gather(job.coarse_share, number, bits.data());
    for (int first = 0; first < coarser.columns; first += kCoarse) {
      const int width = smaller(job.columns - kBlockSide * first, kBlock);
      if (coarser.any(bits.data(), first)) {
        width == kBlock ? mix<true>(job, shares, coarse, number, first, width) :
        mix<false>(job, shares, coarse, number, first, width);
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

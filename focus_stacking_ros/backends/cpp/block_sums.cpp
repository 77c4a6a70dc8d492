// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0

#include "block_sums.hpp"

#include "blocks.hpp"

#include <vector>

namespace focus_stacking
{
namespace
{

/// Sums of a row of blocks; rows and columns beyond the rim are those of the rim.
FOCUS_STACKING_INLINE void sum_blocks(
  const uint8_t * plane, int rows, int columns, int number, uint16_t * lines, uint16_t * to)
{
  const uint8_t * row[kBlockSide];
  for (int k = 0; k < kBlockSide; ++k) {
    row[k] = plane + static_cast<size_t>(smaller(kBlockSide * number + k, rows - 1)) * columns;
  }
  const uint8_t * __restrict first = row[0], * __restrict second = row[1];
  const uint8_t * __restrict third = row[2], * __restrict fourth = row[3];
  uint16_t * __restrict line = lines;
  for (int u = 0; u < columns; ++u) {
    line[u] = static_cast<uint16_t>(first[u] + second[u] + third[u] + fourth[u]);
  }
  const int across = blocks_of(columns);
  for (int u = columns; u < kBlockSide * across; ++u) {
    line[u] = line[columns - 1];
  }
  uint16_t * __restrict out = to;
  for (int k = 0; k < across; ++k) {
    const uint16_t * four = line + kBlockSide * k;
    out[k] = static_cast<uint16_t>(four[0] + four[1] + four[2] + four[3]);
  }
}

}  // namespace

FOCUS_STACKING_CLONES
void sum_blocks(const uint8_t * plane, int rows, int columns, uint16_t * to)
{
  const int down = blocks_of(rows), across = blocks_of(columns);
  std::vector<uint16_t> lines(static_cast<size_t>(kBlockSide) * across);
  for (int number = 0; number < down; ++number) {
    sum_blocks(
      plane, rows, columns, number, lines.data(), to + static_cast<size_t>(number) * across);
  }
}

}  // namespace focus_stacking

// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Compressed data of a PNG, quickly: codes for the bytes alone, nothing that repeats is looked for.

#ifndef FOCUS_STACKING_DEFLATE_HPP
#define FOCUS_STACKING_DEFLATE_HPP

#include <cstdint>

#pragma GCC visibility push(default)
extern "C" {

/// Packs bytes as deflate has them (RFC 1951), blocks of Huffman codes; not the `last` ones end
/// with an empty stored block, at a whole byte, where others may follow. `packed` holds
/// 1024 + count + count / 8 bytes; `size` is how many were needed.
int32_t focus_stacking_native_deflate(
  const uint8_t * bytes, int32_t count, int32_t last, uint8_t * packed, int32_t * size);

}
#pragma GCC visibility pop

#endif  // FOCUS_STACKING_DEFLATE_HPP

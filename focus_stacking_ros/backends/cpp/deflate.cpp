// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Deflate without matches: RFC 1951, sections 3.2.2 (canonical codes) and 3.2.7 (their lengths).

#include "deflate.hpp"

#include "native.hpp"

#include <algorithm>

namespace focus_stacking
{
namespace
{

constexpr int kBlockBytes = 1 << 16;  // with codes of their own
constexpr int kEnd = 256, kSymbols = 257, kLongest = 15;

/// Bits, the first in the lowest place of the first byte.
class Bits
{
public:
  explicit Bits(uint8_t * out)
  : begin_(out), out_(out) {}

  /// At most 57 bits less those of the puts since the last flush.
  FOCUS_STACKING_INLINE void put(uint64_t value, int count)
  {
    held_ |= value << count_;
    count_ += count;
  }

  /// Writes whole bytes; up to 8 bytes after them are written, too.
  FOCUS_STACKING_INLINE void flush()
  {
    for (int k = 0; k < 8; ++k) {
      out_[k] = static_cast<uint8_t>(held_ >> 8 * k);
    }
    out_ += count_ >> 3;
    held_ >>= count_ & ~7;
    count_ &= 7;
  }

  /// Fills up to a whole byte.
  void align()
  {
    count_ = (count_ + 7) & ~7;
    flush();
  }

  int32_t size() const {return static_cast<int32_t>(out_ - begin_);}

private:
  uint8_t * begin_, * out_;
  uint64_t held_ = 0;
  int count_ = 0;
};

/// Lengths of the codes of a Huffman tree (1952, doi:10.1109/JRPROC.1952.273898), none longer than
/// kLongest: what is rare counts for more than it is, until that is so. `counts` of two symbols and more are not 0.
void find_lengths(uint32_t * counts, uint8_t * lengths)
{
  for (uint32_t rarest = 2; ; rarest *= 2) {
    int order[kSymbols], used = 0;
    for (int k = 0; k < kSymbols; ++k) {
      lengths[k] = 0;
      if (counts[k]) {
        order[used++] = k;
      }
    }
    std::sort(order, order + used, [&](int a, int b) {
        return counts[a] < counts[b] || (counts[a] == counts[b] && a < b);
      });
    // Leaves are the first nodes, in rising order, as are the nodes that two others have made.
    uint32_t weights[2 * kSymbols];
    int parents[2 * kSymbols] = {}, depths[2 * kSymbols] = {};
    for (int k = 0; k < used; ++k) {
      weights[k] = counts[order[k]];
    }
    int leaf = 0, inner = used;
    for (int node = used; node < 2 * used - 1; ++node) {
      weights[node] = 0;
      for (int child = 0; child < 2; ++child) {
        const bool takes_leaf = leaf < used && (inner >= node || weights[leaf] <= weights[inner]);
        const int taken = takes_leaf ? leaf++ : inner++;
        weights[node] += weights[taken];
        parents[taken] = node;
      }
    }
    int longest = 0;
    for (int node = 2 * used - 3; node >= 0; --node) {
      depths[node] = depths[parents[node]] + 1;
      longest = greater(longest, depths[node]);
    }
    if (longest <= kLongest) {
      for (int k = 0; k < used; ++k) {
        lengths[order[k]] = static_cast<uint8_t>(depths[k]);
      }
      return;
    }
    for (int k = 0; k < kSymbols; ++k) {
      counts[k] = counts[k] ? std::max(counts[k], rarest) : 0;
    }
  }
}

uint32_t reversed(uint32_t code, int length)
{
  uint32_t result = 0;
  for (int k = 0; k < length; ++k) {
    result = result << 1 | (code >> k & 1);
  }
  return result;
}

/// Codes, the first bit lowest, and from bit 16 on their lengths.
void find_codes(const uint8_t * lengths, uint32_t * codes)
{
  uint32_t code = 0;
  for (int length = 1; length <= kLongest; ++length) {
    code <<= 1;
    for (int k = 0; k < kSymbols; ++k) {
      if (lengths[k] == length) {
        codes[k] = reversed(code++, length) | static_cast<uint32_t>(length) << 16;
      }
    }
  }
}

/// Returns `bits` with a block more. They are a copy, as bytes written through a reference may be its own.
Bits with_block(const uint8_t * bytes, int count, bool last, Bits bits)
{
  // Four tables: one that counts equal neighbours waits for itself.
  uint32_t parts[4][kSymbols] = {}, codes[kSymbols] = {};
  uint8_t lengths[kSymbols];
  int u = 0;
  for (; u + 4 <= count; u += 4) {
    for (int k = 0; k < 4; ++k) {
      ++parts[k][bytes[u + k]];
    }
  }
  for (; u < count; ++u) {
    ++parts[0][bytes[u]];
  }
  uint32_t * counts = parts[0];
  for (int k = 0; k < kEnd; ++k) {
    counts[k] += parts[1][k] + parts[2][k] + parts[3][k];
  }
  counts[kEnd] = 1;
  find_lengths(counts, lengths);
  find_codes(lengths, codes);
  bits.put(last, 1);
  bits.put(2, 2);  // codes of its own
  bits.put(kSymbols - 257, 5);
  bits.put(2 - 1, 5);  // two distances, as some readers want a whole code, which nobody uses
  bits.put(19 - 4, 4);
  bits.flush();
  // Lengths 0 to 15 are themselves in four bits; runs of them (16 to 18) are not used.
  for (int k = 0; k < 19; ++k) {
    bits.put(k < 3 ? 0 : 4, 3);
    bits.flush();
  }
  for (int k = 0; k < kSymbols + 2; ++k) {
    bits.put(reversed(k < kSymbols ? lengths[k] : 1, 4), 4);
    bits.flush();
  }
  for (u = 0; u + 3 <= count; u += 3) {
    for (int k = 0; k < 3; ++k) {
      const uint32_t code = codes[bytes[u + k]];
      bits.put(code & 0xffff, code >> 16);
    }
    bits.flush();
  }
  for (; u < count; ++u) {
    bits.put(codes[bytes[u]] & 0xffff, codes[bytes[u]] >> 16);
    bits.flush();
  }
  bits.put(codes[kEnd] & 0xffff, codes[kEnd] >> 16);
  bits.flush();
  return bits;
}

}  // namespace
}  // namespace focus_stacking

int32_t focus_stacking_native_deflate(
  const uint8_t * bytes, int32_t count, int32_t last, uint8_t * packed, int32_t * size)
{
  using focus_stacking::kBlockBytes;
  return focus_stacking::guarded([&] {
    focus_stacking::Bits bits(packed);
    for (int first = 0; first < count; first += kBlockBytes) {
      const int left = count - first;
      bits = focus_stacking::with_block(
        bytes + first, focus_stacking::smaller(left, kBlockBytes),
        last && left <= kBlockBytes, bits);
    }
    if (!last) {
      bits.put(0, 3);  // a stored block of no bytes
      bits.align();
      bits.put(0xffff0000u, 32);
    }
    bits.align();
    *size = bits.size();
  });
}

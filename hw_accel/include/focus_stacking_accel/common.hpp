// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
// Types, limits and the steps that all operations share. Integers only; see SPECIFICATION.md.
#ifndef FOCUS_STACKING_ACCEL__COMMON_HPP_
#define FOCUS_STACKING_ACCEL__COMMON_HPP_

#include <ap_int.h>
#include <hls_stream.h>
#include <stdint.h>

// Test builds run every process as a thread of its own.
#ifndef FOCUS_STACKING_PROCESS
#define FOCUS_STACKING_PROCESS(call) call
#define FOCUS_STACKING_REGION_BEGIN
#define FOCUS_STACKING_REGION_END
#endif

namespace focus_stacking
{

typedef ap_uint<128> Beat;
typedef hls::stream<Beat> BeatStream;
typedef hls::stream<uint64_t> PixelStream;
typedef hls::stream<uint32_t> PairStream;
typedef hls::stream<uint16_t> ResponseStream;

// The host reads these from the beat that operation kIdentify writes.
const uint32_t kMagic = 0x46534143;  // 'FSAC'
const uint32_t kVersion = 4;         // of SPECIFICATION.md and of the arguments

const int kMaxWidth = 4096;       // pixels, full size
const int kMaxHalfWidth = 2048;
const int kMaxWindow = 15;        // half-size pixels
const int kSourceRows = 64;       // half-size rows that the warp keeps
const int kResponseLimit = 16383;
const int kLanes = 8;             // responses per beat

enum Operation { kIdentify = 0, kFront = 1, kAlign = 2, kAccumulate = 3, kFuse = 4 };
enum Operator { kRingDifference = 0, kModifiedLaplacian = 1, kLogNorm = 2 };
// What front makes, as bits, in the order in which it lies in memory; operators from kResponses on.
enum Planes { kLuma = 0, kSharpness = 1, kHalfLuma = 2, kResponses = 3 };
enum Steps { kFirstSlice = 1, kLastSlice = 2 };
// Blue comes first, of the last two red; those are of front alone.
enum Layout {
  kGrey8 = 1, kGrey16 = 2, kColour8 = 3, kColour16 = 4, kReverse8 = 5, kReverse16 = 6
};

struct Map  // in the units of SPECIFICATION.md
{
  int xx, xy, x0, yx, yy, y0;
};

inline int half_of(int size)
{
  return (size + 1) >> 1;
}

// Whether a plane is wanted.
inline int has(int planes, int number)
{
  return (planes >> number) & 1;
}

inline int beats_of(int half_columns)
{
  return (half_columns + kLanes - 1) >> 3;
}

inline int minimum(int a, int b)
{
  return a < b ? a : b;
}

inline int maximum(int a, int b)
{
  return a > b ? a : b;
}

// Index in a source that goes on mirrored without repeating its edge; up to 5 beyond it.
inline int mirrored(int index, int size)
{
  if (size == 1) {
    return 0;
  }
  for (int pass = 0; pass < 3; ++pass) {
#pragma HLS UNROLL
    index = index < 0 ? -index : index;
    index = index >= size ? 2 * (size - 1) - index : index;
  }
  return index;
}

// The same with the edge repeated; up to 7 beyond it.
inline int mirrored_with_edge(int index, int size)
{
  if (size == 1) {
    return 0;
  }
  for (int pass = 0; pass < 4; ++pass) {
#pragma HLS UNROLL
    index = index < 0 ? -1 - index : index;
    index = index >= size ? 2 * size - 1 - index : index;
  }
  return index;
}

inline uint64_t low_half(const Beat & beat)
{
  return beat.range(63, 0).to_uint64();
}

inline uint64_t high_half(const Beat & beat)
{
  return beat.range(127, 64).to_uint64();
}

inline Beat beat_of(uint64_t low, uint64_t high)
{
  Beat beat = 0;
  beat.range(63, 0) = low;
  beat.range(127, 64) = high;
  return beat;
}

// Eight responses become one beat; every row begins a new one.
inline void pack_responses(ResponseStream & responses, BeatStream & beats, int rows, int columns)
{
  const int padded = beats_of(columns) * kLanes;
  for (int y = 0; y < rows; ++y) {
#pragma HLS LOOP_TRIPCOUNT min=1 max=1080
    uint64_t low = 0;
    uint64_t high = 0;
    for (int x = 0; x < padded; ++x) {
#pragma HLS LOOP_TRIPCOUNT min=8 max=2048
#pragma HLS PIPELINE II=1
      const uint64_t response = x < columns ? responses.read() : static_cast<uint16_t>(0);
      low = (low >> 16) | (high << 48);
      high = (high >> 16) | (response << 48);
      if ((x & 7) == 7) {
        beats.write(beat_of(low, high));
      }
    }
  }
}

inline void write_beats(BeatStream & beats, Beat * memory, int count)
{
  for (int i = 0; i < count; ++i) {
#pragma HLS LOOP_TRIPCOUNT min=1 max=518400
#pragma HLS PIPELINE II=1
    memory[i] = beats.read();
  }
}

inline void read_beats(const Beat * memory, BeatStream & beats, int count)
{
  for (int i = 0; i < count; ++i) {
#pragma HLS LOOP_TRIPCOUNT min=1 max=518400
#pragma HLS PIPELINE II=1
    beats.write(memory[i]);
  }
}

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_ACCEL__COMMON_HPP_

// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
// Slice with its sharpness, and what decides its weights -> sums of the all-in-focus image.
#ifndef FOCUS_STACKING_ACCEL__FUSE_HPP_
#define FOCUS_STACKING_ACCEL__FUSE_HPP_

#include "focus_stacking_accel/align.hpp"
#include "focus_stacking_accel/common.hpp"
#include "focus_stacking_accel/fuse_tables.hpp"

namespace focus_stacking
{

const int kTaps = 4;
const int kTapWordBits = 13;  // words per bank of the rows that are kept
const int kTapWords = 1 << kTapWordBits;

struct Gains
{
  int first, second, third;
};

// A band of the result and the rows of the slice that are in memory for it.
struct Band
{
  int rows, columns, height, first_row, source_row;
};

// Bytes of a pixel: its channels, its sharpness, and what fills up to a power of two.
inline int tagged_pixel_shift(int layout)
{
  return layout == kGrey8 ? 1 : layout == kColour16 ? 3 : 2;
}

inline int tagged_beats(int columns, int layout)
{
  return ((columns << tagged_pixel_shift(layout)) + 15) >> 4;
}

// Four rows share a slot: 128, 64 or 32 rows are kept, fewer the wider they are.
inline int slot_bits(int columns)
{
  return columns <= 1016 ? 5 : columns <= 2040 ? 4 : 3;
}

// Source rows of the taps of an output row; -1 and height, height + 1 repeat the rim.
inline RowRange tap_rows_for(const Map & map, int y, const Band & band)
{
  const int start = row_share(map.yy, band.first_row + y, map.y0) + 512;
  const int one = (column_share(map.yx, 0) + start) >> 15;
  const int other = (column_share(map.yx, band.columns - 1) + start) >> 15;
  const int least = minimum(one, other);
  const int greatest = maximum(one, other);
  const bool seen = greatest >= 0 && least < band.height;
  RowRange range;
  range.first = seen ? maximum(least, 0) - 1 : -1;
  range.last = seen ? minimum(greatest, band.height - 1) + 2 : -2;
  return range;
}

inline void read_tap_rows(
  const Beat * source, BeatStream & beats, Band band, Map map, int layout)
{
  const int count = tagged_beats(band.columns, layout);
  int next = -1;
  for (int y = 0; y < band.rows; ++y) {
#pragma HLS LOOP_TRIPCOUNT min=1 max=2160
    const RowRange range = tap_rows_for(map, y, band);
    for (int row = maximum(next, range.first); row <= range.last; ++row) {
#pragma HLS LOOP_TRIPCOUNT min=0 max=2
      const int first = (minimum(maximum(row, 0), band.height - 1) - band.source_row) * count;
      for (int i = 0; i < count; ++i) {
#pragma HLS LOOP_TRIPCOUNT min=1 max=2044
#pragma HLS PIPELINE II=1
        beats.write(source[first + i]);
      }
    }
    next = maximum(next, range.last + 1);
  }
}

// One of the pixels of a beat: three channels of 16 bits and the sharpness.
inline uint64_t tagged_pixel(const Beat & beat, int layout, int step, int lane)
{
  if (layout == kColour16) {
    return (lane & 1) ? high_half(beat) : low_half(beat);
  }
  if (layout == kGrey8) {
    const uint64_t word = ((step & 1) ? high_half(beat) : low_half(beat)) >> (16 * lane);
    return (word & 0xFF) | (((word >> 8) & 0xFF) << 48);
  }
  const uint64_t word = ((lane & 2) ? high_half(beat) : low_half(beat)) >> (32 * (lane & 1));
  if (layout == kGrey16) {
    return (word & 0xFFFF) | (((word >> 16) & 0xFF) << 48);
  }
  return (word & 0xFF) | (((word >> 8) & 0xFF) << 16) | (((word >> 16) & 0xFF) << 32) |
         (((word >> 24) & 0xFF) << 48);
}

inline int64_t between(int64_t value, int64_t least, int64_t greatest)
{
  return value < least ? least : value > greatest ? greatest : value;
}

// Emits the interpolated channels, the sharpness from bit 48 on, and whether there is data, bit 56.
inline void gather(
  BeatStream & beats, PixelStream & samples, Band band, Map map, int layout)
{
  // Banks by row and column modulo 4: the 16 neighbours lie in 16 banks.
  uint64_t bank[kTaps][kTaps][kTapWords];
#pragma HLS ARRAY_PARTITION variable=bank complete dim=1
#pragma HLS ARRAY_PARTITION variable=bank complete dim=2
#pragma HLS BIND_STORAGE variable=bank type=ram_2p impl=uram
  for (int word = 0; word < kTapWords; ++word) {
#pragma HLS PIPELINE II=1
    for (int i = 0; i < kTaps; ++i) {
#pragma HLS UNROLL
      for (int j = 0; j < kTaps; ++j) {
#pragma HLS UNROLL
        bank[i][j][word] = 0;
      }
    }
  }
  const int count = tagged_beats(band.columns, layout);
  const bool wide = layout == kColour16;
  const bool narrow = layout == kGrey8 || layout == kColour8;
  const int words = ((band.columns + 1) >> 2) + 1;
  const int steps = wide ? 2 * words : words;
  const int slots = (1 << slot_bits(band.columns)) - 1;
  const int slot_shift = kTapWordBits - slot_bits(band.columns);
  int next = -1;
  for (int y = 0; y < band.rows; ++y) {
#pragma HLS LOOP_TRIPCOUNT min=1 max=2160
    const RowRange range = tap_rows_for(map, y, band);
    for (int row = maximum(next, range.first); row <= range.last; ++row) {
#pragma HLS LOOP_TRIPCOUNT min=0 max=2
      const int base = (((row + 4) >> 2) & slots) << slot_shift;
      Beat beat = 0;
      uint64_t first = 0;
      uint64_t last = 0;
      int used = 0;
      for (int i = 0; i < steps; ++i) {
#pragma HLS LOOP_TRIPCOUNT min=1 max=2046
#pragma HLS PIPELINE II=1
        const int word = wide ? i >> 1 : i;
        if (used < count && (layout != kGrey8 || (i & 1) == 0)) {
          beat = beats.read();
          ++used;
        }
        for (int lane = 0; lane < kTaps; ++lane) {
#pragma HLS UNROLL
          if (!wide || (lane >> 1) == (i & 1)) {
            const bool within = 4 * word + lane < band.columns;
            last = within ? tagged_pixel(beat, layout, i, lane) : last;
            bank[row & 3][lane][base + word + 1] = last;
            first = word == 0 && lane == 0 ? last : first;
          }
        }
      }
      bank[row & 3][3][base] = first;  // column -1
    }
    next = maximum(next, range.last + 1);
    const int start_x = row_share(map.xy, band.first_row + y, map.x0) + 512;
    const int start_y = row_share(map.yy, band.first_row + y, map.y0) + 512;
    for (int x = 0; x < band.columns; ++x) {
#pragma HLS LOOP_TRIPCOUNT min=1 max=4088
#pragma HLS PIPELINE II=1
      const int x32 = (column_share(map.xx, x) + start_x) >> 10;
      const int y32 = (column_share(map.yx, x) + start_y) >> 10;
      const bool inside = x32 >= 0 && x32 <= 32 * (band.columns - 1) &&
        y32 >= 0 && y32 <= 32 * (band.height - 1);
      const int column = inside ? (x32 >> 5) - 1 : -1;
      const int row = inside ? (y32 >> 5) - 1 : -1;
      const int right = x32 & 31;
      const int down = y32 & 31;
      int64_t total_1 = static_cast<int64_t>(1) << 33;
      int64_t total_2 = total_1;
      int64_t total_3 = total_1;
      int sharpness = 512;
      for (int i = 0; i < kTaps; ++i) {
#pragma HLS UNROLL
        const int tap_y = (i - row) & 3;
        const int slot = (((row + tap_y + 4) >> 2) & slots) << slot_shift;
        const int line_weight = tap_y == 1 ? 32 - down : tap_y == 2 ? down : 0;
        int64_t sum_1 = 0;
        int64_t sum_2 = 0;
        int64_t sum_3 = 0;
        int line = 0;
        for (int j = 0; j < kTaps; ++j) {
#pragma HLS UNROLL
          const int tap_x = (j - column) & 3;
          const uint64_t pixel = bank[i][j][slot + ((column + tap_x + 4) >> 2)];
          const int64_t weight = kCubicWeights[right][tap_x];
          sum_1 += weight * static_cast<int64_t>(pixel & 0xFFFF);
          sum_2 += weight * static_cast<int64_t>((pixel >> 16) & 0xFFFF);
          sum_3 += weight * static_cast<int64_t>((pixel >> 32) & 0xFFFF);
          const int sharp = static_cast<int>((pixel >> 48) & 0xFF);
          line += (tap_x == 1 ? 32 - right : tap_x == 2 ? right : 0) * sharp;
        }
        const int64_t weight = kCubicWeights[down][tap_y];
        total_1 += weight * sum_1;
        total_2 += weight * sum_2;
        total_3 += weight * sum_3;
        sharpness += line_weight * line;
      }
      const int64_t top = narrow ? 255 : 65535;
      const uint64_t channel_1 = static_cast<uint64_t>(between(total_1 >> 34, 0, top));
      const uint64_t channel_2 = static_cast<uint64_t>(between(total_2 >> 34, 0, top));
      const uint64_t channel_3 = static_cast<uint64_t>(between(total_3 >> 34, 0, top));
      samples.write(
        channel_1 | (channel_2 << 16) | (channel_3 << 32) |
        (static_cast<uint64_t>(sharpness >> 10) << 48) |
        (static_cast<uint64_t>(inside ? 1 : 0) << 56));
    }
  }
}

inline int guide_field(uint64_t guide, int bit)
{
  return static_cast<int>((guide >> bit) & 0xFF);
}

inline int weight_of(uint64_t guide, int sharpness, int slice, int power)
{
  const int away = static_cast<int>(guide & 0xFFFF) - 64 * slice;
  const int distance = kDistance[minimum((away < 0 ? -away : away) >> 2, 255)];
  const int gate = kGate[minimum(distance + guide_field(guide, 16), 255)];
  const int level = kLogSharpness[sharpness];
  const int missing = maximum(guide_field(guide, 24) - level, 0);
  const int below = minimum((power * missing + 64) >> 7, 255);
  const int near = minimum(minimum(below + gate, 255) + guide_field(guide, 32), 255);
  const int far_missing = maximum(guide_field(guide, 40) - level, 0);
  const int far = minimum(minimum(6 * far_missing, 255) + guide_field(guide, 48), 255);
  return kWeight[minimum(near, far)];
}

// Of 8 bits in 1/16 grey level, of 16 bits in whole ones.
inline uint64_t exposed(uint64_t sample, int bit, int gain, bool narrow)
{
  const uint64_t product = ((sample >> bit) & 0xFFFF) * static_cast<uint32_t>(gain);
  const uint64_t value = narrow ? (product + 512) >> 10 : (product + 8192) >> 14;
  return value > 65535 ? 65535 : value;
}

// Emits the exposed channels and the weight from bit 48 on.
inline void weigh(
  PixelStream & samples, BeatStream & guides, PixelStream & weighted, int count, int slice,
  int power, int layout, Gains gains)
{
  const bool narrow = layout == kGrey8 || layout == kColour8;
  Beat guide = 0;
  for (int i = 0; i < count; ++i) {
#pragma HLS LOOP_TRIPCOUNT min=1 max=2088960
#pragma HLS PIPELINE II=1
    if ((i & 1) == 0) {
      guide = guides.read();
    }
    const uint64_t sample = samples.read();
    const int sharpness = static_cast<int>((sample >> 48) & 0xFF);
    const int weight = weight_of(
      (i & 1) ? high_half(guide) : low_half(guide), sharpness, slice, power);
    const uint64_t seen = ((sample >> 56) & 1) ? static_cast<uint64_t>(weight) : 0;
    weighted.write(
      exposed(sample, 0, gains.first, narrow) | (exposed(sample, 16, gains.second, narrow) << 16) |
      (exposed(sample, 32, gains.third, narrow) << 32) | (seen << 48));
  }
}

inline uint64_t mean_of(uint32_t total, uint32_t weight, bool narrow)
{
  const uint32_t divisor = (weight == 0 ? 1 : weight) << (narrow ? 4 : 0);
  const uint32_t mean = (total + (divisor >> 1)) / divisor;
  const uint32_t top = narrow ? 255 : 65535;
  return mean > top ? top : mean;
}

// Adds to the sums; those of the last slice become pixels instead.
inline void blend(
  PixelStream & weighted, BeatStream & before, BeatStream & after, PixelStream & pixels, int count,
  bool is_first, bool is_last, int layout)
{
  const bool narrow = layout == kGrey8 || layout == kColour8;
  for (int i = 0; i < count; ++i) {
#pragma HLS LOOP_TRIPCOUNT min=1 max=2088960
#pragma HLS PIPELINE II=1
    const uint64_t here = weighted.read();
    uint64_t low = 0;
    uint64_t high = 0;
    if (!is_first) {
      const Beat record = before.read();
      low = low_half(record);
      high = high_half(record);
    }
    const uint32_t weight = static_cast<uint32_t>(here >> 48);
    const uint32_t total_1 = static_cast<uint32_t>(low) +
      weight * static_cast<uint32_t>(here & 0xFFFF);
    const uint32_t total_2 = static_cast<uint32_t>(low >> 32) +
      weight * static_cast<uint32_t>((here >> 16) & 0xFFFF);
    const uint32_t total_3 = static_cast<uint32_t>(high) +
      weight * static_cast<uint32_t>((here >> 32) & 0xFFFF);
    const uint32_t weights = static_cast<uint32_t>(high >> 32) + weight;
    if (is_last) {
      pixels.write(
        mean_of(total_1, weights, narrow) | (mean_of(total_2, weights, narrow) << 16) |
        (mean_of(total_3, weights, narrow) << 32));
    } else {
      after.write(beat_of(
        total_1 | (static_cast<uint64_t>(total_2) << 32),
        total_3 | (static_cast<uint64_t>(weights) << 32)));
    }
  }
}

// Pixels as they come, without a sharpness; every row begins a new beat.
inline void pack_pixels(
  PixelStream & pixels, BeatStream & beats, int rows, int columns, int layout)
{
  const int shift = 4 - tagged_pixel_shift(layout);  // of pixels per beat
  const int padded = tagged_beats(columns, layout) << shift;
  for (int y = 0; y < rows; ++y) {
#pragma HLS LOOP_TRIPCOUNT min=0 max=2160
    uint64_t low = 0;
    uint64_t high = 0;
    for (int x = 0; x < padded; ++x) {
#pragma HLS LOOP_TRIPCOUNT min=2 max=4096
#pragma HLS PIPELINE II=1
      const uint64_t pixel = x < columns ? pixels.read() : static_cast<uint64_t>(0);
      if (layout == kColour16) {
        low = high;
        high = pixel;
      } else if (layout == kGrey8) {
        low = (low >> 16) | (high << 48);
        high = (high >> 16) | ((pixel & 0xFF) << 48);
      } else {
        const uint64_t bytes = layout == kGrey16 ? pixel & 0xFFFF :
          (pixel & 0xFF) | (((pixel >> 16) & 0xFF) << 8) | (((pixel >> 32) & 0xFF) << 16);
        low = (low >> 32) | (high << 32);
        high = (high >> 32) | (bytes << 32);
      }
      if ((x & ((1 << shift) - 1)) == (1 << shift) - 1) {
        beats.write(beat_of(low, high));
      }
    }
  }
}

// The sums are read and written in place. The reader comes before the writer, as the guidance of
// Vitis HLS (214-169) wants it of such an argument; of every record, the reading comes first.
inline void fuse_beats(
  const Beat * source, const Beat * guide, Beat * sums, Beat * image, Band band, Map map,
  Gains gains, int layout, int slice, int power, bool is_first, bool is_last, int count,
  int records_read, int records_written, int image_rows)
{
#pragma HLS DATAFLOW
  hls::stream<Beat, 512> source_stream("source_beats");
  hls::stream<uint64_t, 16> samples("samples");
  hls::stream<Beat, 64> guide_stream("guide_beats");
  hls::stream<uint64_t, 16> weighted("weighted");
  hls::stream<Beat, 64> before("sums_before");
  hls::stream<Beat, 64> after("sums_after");
  hls::stream<uint64_t, 16> pixels("fused_pixels");
  hls::stream<Beat, 64> image_stream("image_beats");
  FOCUS_STACKING_REGION_BEGIN
  FOCUS_STACKING_PROCESS(read_tap_rows(source, source_stream, band, map, layout));
  FOCUS_STACKING_PROCESS(gather(source_stream, samples, band, map, layout));
  FOCUS_STACKING_PROCESS(read_beats(guide, guide_stream, (count + 1) >> 1));
  FOCUS_STACKING_PROCESS(
    weigh(samples, guide_stream, weighted, count, slice, power, layout, gains));
  FOCUS_STACKING_PROCESS(read_beats(sums, before, records_read));
  FOCUS_STACKING_PROCESS(
    blend(weighted, before, after, pixels, count, is_first, is_last, layout));
  FOCUS_STACKING_PROCESS(write_beats(after, sums, records_written));
  FOCUS_STACKING_PROCESS(pack_pixels(pixels, image_stream, image_rows, band.columns, layout));
  FOCUS_STACKING_PROCESS(
    write_beats(image_stream, image, image_rows * tagged_beats(band.columns, layout)));
  FOCUS_STACKING_REGION_END
}

// The first slice finds no sums, and of the last one pixels are written instead.
inline void fuse(
  const Beat * source, const Beat * guide, Beat * sums, Beat * image, Band band, Map map,
  Gains gains, int layout, int slice, int power, int steps)
{
  const int count = band.rows * band.columns;
  const bool is_first = (steps & kFirstSlice) != 0;
  const bool is_last = (steps & kLastSlice) != 0;
  fuse_beats(
    source, guide, sums, image, band, map, gains, layout, slice, power, is_first, is_last, count,
    is_first ? 0 : count, is_last ? 0 : count, is_last ? band.rows : 0);
}

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_ACCEL__FUSE_HPP_

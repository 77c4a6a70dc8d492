// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
// Image or luma -> focus response at half the size.
#ifndef FOCUS_STACKING_ACCEL__MEASURE_HPP_
#define FOCUS_STACKING_ACCEL__MEASURE_HPP_

#include "focus_stacking_accel/common.hpp"

namespace focus_stacking
{

const int kRowWords = kMaxWidth * 6 / 8;  // 64-bit words of the longest row
const int kPaddedWidth = kMaxWidth + 2 * kMargin;
const int kSide = 2 * kMargin + 1;

// Laplacian of a Gaussian of sigma 1 in 1/1024, zero sum; one quadrant from the centre outwards.
const int kLogKernel[4][4] = {
  {-320, -99, 44, 13},
  {-99, 0, 40, 9},
  {44, 40, 18, 3},
  {13, 9, 3, 0}};

inline int bytes_per_pixel(int layout)
{
  return layout == kGrey8 ? 1 : layout == kColour8 ? 3 : layout == kColour16 ? 6 : 2;
}

inline int source_beats(int columns, int layout)
{
  return (columns * bytes_per_pixel(layout) + 15) >> 4;
}

// Emits the rows of a source that goes on mirrored.
inline void read_image(
  const Beat * source, BeatStream & beats, int rows, int columns, int layout)
{
  const int count = source_beats(columns, layout);
  const int end = 2 * half_of(rows) + kMargin;
  for (int y = -kMargin; y < end; ++y) {
#pragma HLS LOOP_TRIPCOUNT min=8 max=2166
    const int first = mirrored(y, rows) * count;
    for (int i = 0; i < count; ++i) {
#pragma HLS LOOP_TRIPCOUNT min=1 max=1536
#pragma HLS PIPELINE II=1
      beats.write(source[first + i]);
    }
  }
}

// 48 bits of a row -> three channels and the luma, 16 bits each, in 1/16 grey level.
inline uint64_t decoded(uint64_t bits, int layout)
{
  const uint32_t wide_1 = bits & 0xFFFF;
  const uint32_t wide_2 = (bits >> 16) & 0xFFFF;
  const uint32_t wide_3 = (bits >> 32) & 0xFFFF;
  const bool narrow = layout == kColour8;
  const uint32_t blue = narrow ? (wide_1 & 0xFF) : wide_1;
  const uint32_t green = narrow ? (wide_1 >> 8) : wide_2;
  const uint32_t red = narrow ? (wide_2 & 0xFF) : wide_3;
  const uint32_t weighted = 29 * blue + 150 * green + 77 * red;
  uint64_t channel_1 = wide_1;
  uint64_t channel_2 = 0;
  uint64_t channel_3 = 0;
  uint64_t luma = wide_1;
  if (layout == kGrey8) {
    channel_1 = luma = (wide_1 & 0xFF) << 4;
  } else if (layout == kGrey16) {
    channel_1 = luma = wide_1 >> 4;
  } else if (layout == kColour8) {
    channel_1 = blue << 4;
    channel_2 = green << 4;
    channel_3 = red << 4;
    luma = (weighted + 8) >> 4;
  } else if (layout == kColour16) {
    channel_1 = blue >> 4;
    channel_2 = green >> 4;
    channel_3 = red >> 4;
    luma = weighted >> 12;
  }
  return channel_1 | (channel_2 << 16) | (channel_3 << 32) | (luma << 48);
}

inline void unpack_image(
  BeatStream & beats, PixelStream & pixels, int rows, int columns, int layout)
{
  uint64_t row[kRowWords + 2];
#pragma HLS ARRAY_PARTITION variable=row cyclic factor=2
  const int count = source_beats(columns, layout);
  const int size = bytes_per_pixel(layout);
  const int padded_rows = 2 * half_of(rows) + 2 * kMargin;
  const int end = 2 * half_of(columns) + kMargin;
  for (int y = 0; y < padded_rows; ++y) {
#pragma HLS LOOP_TRIPCOUNT min=8 max=2166
    for (int i = 0; i < count; ++i) {
#pragma HLS LOOP_TRIPCOUNT min=1 max=1536
#pragma HLS PIPELINE II=1
      const Beat beat = beats.read();
      row[2 * i] = low_half(beat);
      row[2 * i + 1] = high_half(beat);
    }
    row[2 * count] = 0;
    for (int x = -kMargin; x < end; ++x) {
#pragma HLS LOOP_TRIPCOUNT min=8 max=4102
#pragma HLS PIPELINE II=1
      const int byte = mirrored(x, columns) * size;
      const int word = byte >> 3;
      const int shift = (byte & 7) * 8;
      const uint64_t upper = shift == 0 ? 0 : row[word + 1] << (64 - shift);
      pixels.write(decoded((row[word] >> shift) | upper, layout));
    }
  }
}

inline int channel_of(uint64_t pixel, int number)
{
  return static_cast<int>((pixel >> (16 * number)) & 0xFFFF);
}

inline int second_difference(const uint64_t window[kSide][kSide], int x, int y)
{
  const int difference = 2 * channel_of(window[kMargin][kMargin], 3) -
    channel_of(window[kMargin + y][kMargin + x], 3) -
    channel_of(window[kMargin - y][kMargin - x], 3);
  return difference < 0 ? -difference : difference;
}

inline int laplacian_of_gaussian(const uint64_t window[kSide][kSide], int channel)
{
  int total = 512;
  for (int y = 0; y < kSide; ++y) {
#pragma HLS UNROLL
    for (int x = 0; x < kSide; ++x) {
#pragma HLS UNROLL
      const int dy = y < kMargin ? kMargin - y : y - kMargin;
      const int dx = x < kMargin ? kMargin - x : x - kMargin;
      total += kLogKernel[dy][dx] * channel_of(window[y][x], channel);
    }
  }
  return total >> 10;
}

// Square root, rounded to the nearest integer, of less than 2**28.
inline int rounded_root(uint32_t square)
{
  uint32_t root = 0;
  for (int bit = 13; bit >= 0; --bit) {
#pragma HLS UNROLL
    const uint32_t candidate = root | (1u << bit);
    root = candidate * candidate <= square ? candidate : root;
  }
  return static_cast<int>(square > root * (root + 1) ? root + 1 : root);
}

inline int response_of(const uint64_t window[kSide][kSide], int focus_operator)
{
  if (focus_operator == kLogNorm) {
    const int first = laplacian_of_gaussian(window, 0);
    const int second = laplacian_of_gaussian(window, 1);
    const int third = laplacian_of_gaussian(window, 2);
    return rounded_root(static_cast<uint32_t>(first * first + second * second + third * third));
  }
  int total = second_difference(window, 2, 0) + second_difference(window, 0, 2);
  if (focus_operator == kModifiedLaplacian) {
    total += second_difference(window, 1, 0) + second_difference(window, 0, 1);
  } else {
    total += second_difference(window, 2, 1) + second_difference(window, 1, 2) +
      second_difference(window, 2, -1) + second_difference(window, 1, -2);
  }
  return minimum(total, 32767);
}

inline void measure_pixels(
  PixelStream & pixels, ResponseStream & responses, int rows, int columns, int focus_operator)
{
  uint64_t lines[kSide - 1][kPaddedWidth + 1];
#pragma HLS ARRAY_PARTITION variable=lines complete dim=1
  uint64_t window[kSide][kSide];
#pragma HLS ARRAY_PARTITION variable=window complete dim=0
  for (int i = 0; i < kSide; ++i) {
#pragma HLS UNROLL
    for (int j = 0; j < kSide; ++j) {
#pragma HLS UNROLL
      window[i][j] = 0;
    }
  }
  const int padded_rows = 2 * half_of(rows) + 2 * kMargin;
  const int padded_columns = 2 * half_of(columns) + 2 * kMargin;
  for (int x = 0; x < padded_columns; ++x) {
#pragma HLS LOOP_TRIPCOUNT min=8 max=4102
#pragma HLS PIPELINE II=1
    const uint64_t nothing = 0;
    for (int i = 0; i < kSide - 1; ++i) {
#pragma HLS UNROLL
      lines[i][x] = nothing;
    }
  }
  for (int y = 0; y < padded_rows; ++y) {
#pragma HLS LOOP_TRIPCOUNT min=8 max=2166
    for (int x = 0; x < padded_columns; ++x) {
#pragma HLS LOOP_TRIPCOUNT min=8 max=4102
#pragma HLS PIPELINE II=1
#pragma HLS DEPENDENCE variable=lines inter false
      const uint64_t pixel = pixels.read();
      for (int i = 0; i < kSide; ++i) {
#pragma HLS UNROLL
        for (int j = 0; j < kSide - 1; ++j) {
#pragma HLS UNROLL
          window[i][j] = window[i][j + 1];
        }
        window[i][kSide - 1] = i < kSide - 1 ? lines[i < kSide - 1 ? i : 0][x] : pixel;
      }
      for (int i = 0; i < kSide - 1; ++i) {
#pragma HLS UNROLL
        lines[i][x] = window[i + 1][kSide - 1];
      }
      if (y >= 2 * kMargin && x >= 2 * kMargin) {
        responses.write(static_cast<uint16_t>(response_of(window, focus_operator)));
      }
    }
  }
}

inline void halve(ResponseStream & responses, ResponseStream & halves, int rows, int columns)
{
  uint32_t above[kMaxHalfWidth];
  const int full_rows = 2 * half_of(rows);
  const int full_columns = 2 * half_of(columns);
  for (int y = 0; y < full_rows; ++y) {
#pragma HLS LOOP_TRIPCOUNT min=2 max=2160
    uint32_t left = 0;
    for (int x = 0; x < full_columns; ++x) {
#pragma HLS LOOP_TRIPCOUNT min=2 max=4096
#pragma HLS PIPELINE II=1
      const uint32_t response = responses.read();
      const uint32_t both = left + response;
      if ((x & 1) == 0) {
        left = response;
      } else {
        if ((y & 1) == 0) {
          above[x >> 1] = both;
        } else {
          const int mean = static_cast<int>((above[x >> 1] + both + 2) >> 2);
          halves.write(static_cast<uint16_t>(minimum(mean, kResponseLimit)));
        }
        left = 0;
      }
    }
  }
}

inline void measure(
  const Beat * source, Beat * response, int rows, int columns, int layout, int focus_operator)
{
#pragma HLS DATAFLOW
  hls::stream<Beat, 64> source_stream("source_beats");
  hls::stream<uint64_t, 16> pixels("pixels");
  hls::stream<uint16_t, 16> responses("responses");
  hls::stream<uint16_t, 16> halves("halves");
  hls::stream<Beat, 64> response_stream("response_beats");
  FOCUS_STACKING_REGION_BEGIN
  FOCUS_STACKING_PROCESS(read_image(source, source_stream, rows, columns, layout));
  FOCUS_STACKING_PROCESS(unpack_image(source_stream, pixels, rows, columns, layout));
  FOCUS_STACKING_PROCESS(measure_pixels(pixels, responses, rows, columns, focus_operator));
  FOCUS_STACKING_PROCESS(halve(responses, halves, rows, columns));
  FOCUS_STACKING_PROCESS(
    pack_responses(halves, response_stream, half_of(rows), half_of(columns)));
  FOCUS_STACKING_PROCESS(
    write_beats(response_stream, response, half_of(rows) * beats_of(half_of(columns))));
  FOCUS_STACKING_REGION_END
}

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_ACCEL__MEASURE_HPP_

// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
// A slice as it comes -> all that later steps need of it, in one pass at two pixels per cycle.
#ifndef FOCUS_STACKING_ACCEL__FRONT_HPP_
#define FOCUS_STACKING_ACCEL__FRONT_HPP_

#include "focus_stacking_accel/common.hpp"
#include "focus_stacking_accel/front_pixels.hpp"
#include "focus_stacking_accel/front_sharpness.hpp"
#include "focus_stacking_accel/front_source.hpp"
#include "focus_stacking_accel/front_sums.hpp"

namespace focus_stacking
{

// Beats of a row of so many values, of which so many fit one.
inline int beats_of_row(int count, int per_beat)
{
  return (count + per_beat - 1) / per_beat;
}

// Values of so many bits become beats; every row begins a new one.
template<int BITS>
inline void pack(PairStream & values, BeatStream & beats, int rows, int columns)
{
  const int per_beat = 128 / BITS;
  const int padded = beats_of_row(columns, per_beat) * per_beat;
  for (int y = 0; y < rows; ++y) {
#pragma HLS LOOP_TRIPCOUNT min=0 max=2160
    uint64_t low = 0;
    uint64_t high = 0;
    for (int x = 0; x < padded; ++x) {
#pragma HLS LOOP_TRIPCOUNT min=4 max=2048
#pragma HLS PIPELINE II=1
      const uint64_t value = x < columns ? values.read() : static_cast<uint32_t>(0);
      low = (low >> BITS) | (high << (64 - BITS));
      high = (high >> BITS) | (value << (64 - BITS));
      if ((x & (per_beat - 1)) == per_beat - 1) {
        beats.write(beat_of(low, high));
      }
    }
  }
}

inline void write_row(BeatStream & beats, Beat * memory, int first, int count)
{
  for (int i = 0; i < count; ++i) {
#pragma HLS LOOP_TRIPCOUNT min=0 max=512
#pragma HLS PIPELINE II=1
    memory[first + i] = beats.read();
  }
}

// Writes rows of all planes as they come, each plane to its place. The sharpness of a pixel comes
// two rows later than the rest of it: what waits meanwhile is less than a row of each plane.
inline void write_planes(
  BeatStream & luma, BeatStream & sharpness, BeatStream & half_luma, BeatStream & ring,
  BeatStream & cross, BeatStream & log, Beat * memory, int rows, int columns, int planes)
{
  const int half_rows = half_of(rows);
  const int half_columns = half_of(columns);
  const int luma_beats = has(planes, kLuma) * beats_of_row(half_columns, 4);
  const int sharp_beats = has(planes, kSharpness) * beats_of_row(half_columns, 8);
  const int half_luma_beats = has(planes, kHalfLuma) * beats_of(half_columns);
  const int ring_beats = has(planes, kResponses + kRingDifference) * beats_of(half_columns);
  const int cross_beats = has(planes, kResponses + kModifiedLaplacian) * beats_of(half_columns);
  const int log_beats = has(planes, kResponses + kLogNorm) * beats_of(half_columns);
  const int sharp_first = rows * luma_beats;
  const int half_luma_first = sharp_first + rows * sharp_beats;
  const int ring_first = half_luma_first + half_rows * half_luma_beats;
  const int cross_first = ring_first + half_rows * ring_beats;
  const int log_first = cross_first + half_rows * cross_beats;
  for (int y = 0; y <= half_rows; ++y) {
#pragma HLS LOOP_TRIPCOUNT min=2 max=1081
    const int row = 2 * y;
    const bool is_within = y < half_rows;
    const int luma_above = row < rows ? luma_beats : 0;
    const int luma_below = row + 1 < rows ? luma_beats : 0;
    const int sharp_above = y > 0 ? sharp_beats : 0;  // of the two rows before
    const int sharp_below = y > 0 && row - 1 < rows ? sharp_beats : 0;
    write_row(sharpness, memory, sharp_first + (row - 2) * sharp_beats, sharp_above);
    write_row(luma, memory, row * luma_beats, luma_above);
    write_row(sharpness, memory, sharp_first + (row - 1) * sharp_beats, sharp_below);
    write_row(luma, memory, (row + 1) * luma_beats, luma_below);
    write_row(
      half_luma, memory, half_luma_first + y * half_luma_beats, is_within ? half_luma_beats : 0);
    write_row(ring, memory, ring_first + y * ring_beats, is_within ? ring_beats : 0);
    write_row(cross, memory, cross_first + y * cross_beats, is_within ? cross_beats : 0);
    write_row(log, memory, log_first + y * log_beats, is_within ? log_beats : 0);
  }
}

// The light of a row of cells comes as soon as that is complete, the noise at the end.
inline void write_sums(BeatStream & noise, BeatStream & light, Beat * memory, int light_beats)
{
  write_row(light, memory, kNoiseBeats, light_beats);
  write_row(noise, memory, 0, kNoiseBeats);
}

inline void front(
  const Beat * source, Beat * planes_out, Beat * sums_out, int rows, int columns, int layout,
  int planes, int noise_step, LightGrid grid)
{
#pragma HLS DATAFLOW
  hls::stream<Beat, 64> source_stream("source_beats");
  hls::stream<Beat, 16> pairs("pairs");
  hls::stream<Beat, 16> light("light_pairs");
  hls::stream<uint32_t, 16> luma("luma");
  hls::stream<uint32_t, 16> half_luma("half_luma");
  hls::stream<uint64_t, 16> both_responses("both_responses");
  hls::stream<uint32_t, 16> laplacians("laplacians");
  hls::stream<uint64_t, 16> noise("noise");
  hls::stream<uint32_t, 16> means("means");
  hls::stream<uint32_t, 16> sharpness("sharpness");
  hls::stream<uint32_t, 16> ring("ring");
  hls::stream<uint32_t, 16> cross("cross");
  hls::stream<uint32_t, 16> log("log");
  hls::stream<Beat, 512> luma_stream("luma_beats");
  hls::stream<Beat, 512> sharpness_stream("sharpness_beats");
  hls::stream<Beat, 512> half_luma_stream("half_luma_beats");
  hls::stream<Beat, 512> ring_stream("ring_beats");
  hls::stream<Beat, 512> cross_stream("cross_beats");
  hls::stream<Beat, 512> log_stream("log_beats");
  hls::stream<Beat, 64> noise_stream("noise_beats");
  hls::stream<Beat, 64> light_stream("light_beats");
  const int half_rows = half_of(rows);
  const int half_columns = half_of(columns);
  const int has_sharpness = has(planes, kSharpness);
  const int has_responses = (planes >> kResponses) != 0 ? 1 : 0;
  FOCUS_STACKING_REGION_BEGIN
  FOCUS_STACKING_PROCESS(read_image(source, source_stream, rows, columns, layout));
  FOCUS_STACKING_PROCESS(
    unpack_image(source_stream, pairs, light, rows, columns, layout, grid));
  FOCUS_STACKING_PROCESS(
    look_around(
      pairs, luma, half_luma, both_responses, laplacians, noise, rows, columns, planes,
      noise_step));
  FOCUS_STACKING_PROCESS(
    mean_widely(laplacians, means, rows, columns, has_sharpness));
  FOCUS_STACKING_PROCESS(
    mean_narrowly(means, sharpness, rows, columns, has_sharpness));
  FOCUS_STACKING_PROCESS(
    halve_responses(
      both_responses, ring, cross, log, 2 * half_rows * has_responses, half_columns, planes));
  FOCUS_STACKING_PROCESS(
    pack<32>(luma, luma_stream, rows * has(planes, kLuma), half_columns));
  FOCUS_STACKING_PROCESS(
    pack<16>(sharpness, sharpness_stream, rows * has(planes, kSharpness), half_columns));
  FOCUS_STACKING_PROCESS(
    pack<16>(half_luma, half_luma_stream, half_rows * has(planes, kHalfLuma), half_columns));
  FOCUS_STACKING_PROCESS(
    pack<16>(
      ring, ring_stream, half_rows * has(planes, kResponses + kRingDifference), half_columns));
  FOCUS_STACKING_PROCESS(
    pack<16>(
      cross, cross_stream, half_rows * has(planes, kResponses + kModifiedLaplacian),
      half_columns));
  FOCUS_STACKING_PROCESS(
    pack<16>(log, log_stream, half_rows * has(planes, kResponses + kLogNorm), half_columns));
  FOCUS_STACKING_PROCESS(
    write_planes(
      luma_stream, sharpness_stream, half_luma_stream, ring_stream, cross_stream,
      log_stream, planes_out, rows, columns, planes));
  FOCUS_STACKING_PROCESS(count_noise(noise, noise_stream, rows, columns, noise_step));
  FOCUS_STACKING_PROCESS(add_light(light, light_stream, columns, layout, grid));
  FOCUS_STACKING_PROCESS(
    write_sums(
      noise_stream, light_stream, sums_out,
      grid.rows * grid.columns * channels_of(layout)));
  FOCUS_STACKING_REGION_END
}

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_ACCEL__FRONT_HPP_

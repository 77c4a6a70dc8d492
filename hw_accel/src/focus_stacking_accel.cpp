// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
// The kernel: one operation on one slice per call. All scalars are int32, as the host can set.
#include "focus_stacking_accel/accumulate.hpp"
#include "focus_stacking_accel/align.hpp"
#include "focus_stacking_accel/front.hpp"
#include "focus_stacking_accel/fuse.hpp"

using focus_stacking::Beat;

extern "C" {

// rows and columns are those of the full-size image in front, those of the band in fuse, else
// those of the response. In front, response has the planes and state_out the sums; in fuse,
// state_in is the guide and state_out the sums, in place.
void focus_stacking_accel(
  const Beat * source, Beat * response, const Beat * state_in, Beat * state_out,
  int operation, int rows, int columns, int layout, int planes, int window, int slice,
  int xx, int xy, int x0, int yx, int yy, int y0, int gain,
  int gain_2, int gain_3, int height, int first_row, int source_row, int power, int steps,
  int noise_step, int light_step, int cell_rows, int cell_columns)
{
#pragma HLS INTERFACE m_axi port=source offset=slave bundle=gmem0 max_read_burst_length=64 num_read_outstanding=16
#pragma HLS INTERFACE m_axi port=response offset=slave bundle=gmem1 max_write_burst_length=64 num_write_outstanding=16
#pragma HLS INTERFACE m_axi port=state_in offset=slave bundle=gmem2 max_read_burst_length=64 num_read_outstanding=16
#pragma HLS INTERFACE m_axi port=state_out offset=slave bundle=gmem3 max_read_burst_length=64 num_read_outstanding=16 max_write_burst_length=64 num_write_outstanding=16
#pragma HLS INTERFACE s_axilite port=source
#pragma HLS INTERFACE s_axilite port=response
#pragma HLS INTERFACE s_axilite port=state_in
#pragma HLS INTERFACE s_axilite port=state_out
#pragma HLS INTERFACE s_axilite port=operation
#pragma HLS INTERFACE s_axilite port=rows
#pragma HLS INTERFACE s_axilite port=columns
#pragma HLS INTERFACE s_axilite port=layout
#pragma HLS INTERFACE s_axilite port=planes
#pragma HLS INTERFACE s_axilite port=window
#pragma HLS INTERFACE s_axilite port=slice
#pragma HLS INTERFACE s_axilite port=xx
#pragma HLS INTERFACE s_axilite port=xy
#pragma HLS INTERFACE s_axilite port=x0
#pragma HLS INTERFACE s_axilite port=yx
#pragma HLS INTERFACE s_axilite port=yy
#pragma HLS INTERFACE s_axilite port=y0
#pragma HLS INTERFACE s_axilite port=gain
#pragma HLS INTERFACE s_axilite port=gain_2
#pragma HLS INTERFACE s_axilite port=gain_3
#pragma HLS INTERFACE s_axilite port=height
#pragma HLS INTERFACE s_axilite port=first_row
#pragma HLS INTERFACE s_axilite port=source_row
#pragma HLS INTERFACE s_axilite port=power
#pragma HLS INTERFACE s_axilite port=steps
#pragma HLS INTERFACE s_axilite port=noise_step
#pragma HLS INTERFACE s_axilite port=light_step
#pragma HLS INTERFACE s_axilite port=cell_rows
#pragma HLS INTERFACE s_axilite port=cell_columns
#pragma HLS INTERFACE s_axilite port=return
  if (operation == focus_stacking::kIdentify) {
    response[0] = focus_stacking::beat_of(
      static_cast<uint64_t>(focus_stacking::kMagic) |
      (static_cast<uint64_t>(focus_stacking::kVersion) << 32),
      static_cast<uint64_t>(focus_stacking::kMaxWidth) |
      (static_cast<uint64_t>(focus_stacking::kSourceRows) << 32));
  } else if (operation == focus_stacking::kFront) {
    const focus_stacking::LightGrid grid = {
      rows / cell_rows, columns / cell_columns, cell_rows, cell_columns, light_step};
    focus_stacking::front(
      source, response, state_out, rows, columns, layout, planes, noise_step, grid);
  } else if (operation == focus_stacking::kAlign) {
    const focus_stacking::Map map = {xx, xy, x0, yx, yy, y0};
    focus_stacking::align(source, response, rows, columns, map, gain);
  } else if (operation == focus_stacking::kAccumulate) {
    focus_stacking::accumulate(source, state_in, state_out, rows, columns, window, slice);
  } else if (operation == focus_stacking::kFuse) {
    const focus_stacking::Map map = {xx, xy, x0, yx, yy, y0};
    const focus_stacking::Band band = {rows, columns, height, first_row, source_row};
    const focus_stacking::Gains gains = {gain, gain_2, gain_3};
    focus_stacking::fuse(
      source, state_in, state_out, response, band, map, gains, layout, slice, power, steps);
  }
}

}  // extern "C"

// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// What the host passes of a stack whose depth is wanted; backends/native_depth.py has the same.
// Planes are (rows, columns) at half the size, without gaps.

#ifndef FOCUS_STACKING_DEPTH_HPP
#define FOCUS_STACKING_DEPTH_HPP

#include "native.hpp"

namespace focus_stacking
{

/// Windows of one focus measure, the averaging window and those over it.
constexpr int kWindows = 3;
/// Windows that tell how far curves fall.
constexpr int kFalls = 2;
/// Greatest side of a window.
constexpr int kMostWindow = 15;

/// Responses of all slices in one grid, as `core.depth.volume.FocusVolume` has them.
struct Volume
{
  const int16_t * const * planes;  // 1/16 grey level, -1 where a slice has no data
  int32_t count, rows, columns;
  int32_t window;  // odd
  const float * steps;  // coordinate of every slice
};

/// What tells how far the mean focus curve falls, see `core.depth.peaks.typical_fall`.
struct Falls
{
  Volume volume;
  int32_t wider[kFalls];  // odd: window over the averaged responses, 1 for none
  int32_t step;  // of the pixels that tell, along each axis
  int32_t ends;  // whether a best slice is compared with its one neighbour instead; one lag
  int32_t first_lag, lags;
  const float * floors[kFalls];
  float clear[kFalls], clear_signal;  // signal that tells: times the floor, and grey levels
};

/// What peaks are told from, see `core.depth.volume.FocusVolume.layers`.
struct Peaks
{
  Volume volume;
  int32_t wider[kWindows];  // odd, 1 for none
  int32_t reach;  // slices fitted on each side
  const float * limits;  // of every slice: greatest shift of a peak from it
  const float * blend;  // (count, count) weights of the smoothing over slices; null: none
  float seen;  // what smoothing leaves of the scatter of the noise
  const float * floors[kWindows];
  float scatters[kWindows];
  float width, curvature;
  float ceiling;  // noise floors from which a pixel counts no more in wider windows
  const float * near;  // strongest response around, grey levels
  const uint8_t * const * levels;  // brightness of every slice, (level_rows, level_columns)
  const uint8_t * usual;  // the same of their median
  int32_t level_rows, level_columns;
  float place[9];  // pixel of a plane -> pixel of a level, projective
  float glow;  // response of a blurred edge per grey level that it adds
  float faint, faint_share, model_error, curvature_spread, least_curvature;  // core.depth.peaks
  // core.depth.{curves,volume}
  float systematic, doubtful, doubtful_range, response_error, least_error, weak, borrowed, settled;
  float * coordinate[kWindows], * weight[kWindows], * significance[kWindows];
  // Of every so many pixels along each axis, see core.depth.seen_through: whether the greatest
  // peak tells, 1, and has another beside it, 2; and the coordinates of the two.
  int32_t sparse;
  float strong, valley, clear, telling, through_error, through_least_error;
  uint8_t * told;
  float * near_peak, * far_peak;
};

/// What peaks are told from where a stack's running state is all that is kept of it, see
/// `core.depth.state_peaks`.
struct StatePeaks
{
  Peaks peaks;  // of one window, whose volume has no planes
  const int16_t * best, * left, * right, * detail;  // 1/16 grey level, see core.focus.state
  const void * index, * count;  // of one byte, or two where `wide` is not 0
  const int32_t * total;
  int32_t wide, none, slices;  // index of no slice; slices of the state
};

/// What a surface is laid through, see `core.depth.surface.regularise`.
struct Surface
{
  int32_t rows, columns, layers, rounds;
  const float * const * coordinates;  // of every layer
  const float * const * weights;
  const float * guide;
  const float * shares;  // of the full strength, one a round
  float contrast, least_link, strength, attenuation;
  int32_t passes;
  float broad_share, mean, tiny, outlier, step, certain, known;
  float * coordinate, * agreement, * spread, * broad;
};

/// The part of a clue in an additive model, see `core.depth.additive.Term`.
struct Term
{
  int32_t clue;  // 0 support, 1 agreement, 2 own distance, 3 jump, 4 sudden jump, 5 spread
  int32_t logarithmic, count;
  const float * knots, * values;
};

/// Peaks that tell a depth, see `core.depth.clues.evidence_of`.
struct Evidence
{
  int32_t rows, columns, layers;
  const float * const * weights;  // of every layer
  const float * const * significances;
  float telling, telling_range, weighty;
  float * evidence;
};

/// What a surface is judged by, see `core.depth.clues` and `core.depth.confidence`. Its results
/// may lie where planes of the surface are.
struct Judging
{
  int32_t rows, columns, slices;
  float * evidence;  // in the end it is something else
  const float * own_coordinate;  // of the narrowest window
  const float * agreement, * spread, * broad;  // of the surface
  const float * steps;
  float unit;
  float half_evident, flat, enclosed, agreeing;
  float agreement_power, far, half, steepness;
  const float * blur, * own_blur;  // of odd length
  int32_t blur_length, own_blur_length, mean;  // sides of windows, odd
  const int32_t * disc;  // reach of every row of a disc, odd
  int32_t disc_rows, near;
  const Term * odds, * deviations;
  int32_t odds_count, deviations_count;
  float odds_constant, deviations_constant, least, power, cost, seen, systematic, wandering;
  float * coordinate;  // of the surface; in the end it is no more beyond the ends
  float * index, * confidence, * deviation, * calm, * continuity;
};

}  // namespace focus_stacking

#pragma GCC visibility push(default)
extern "C" {

/// Sums over the pixels that tell of a lag, (kFalls, lags, 4): how many they are, the best
/// responses, those beside them, and the best ones times the squares of the distances. `greatest`:
/// greatest averaged response of every pixel.
int32_t focus_stacking_native_falls(
  const focus_stacking::Falls * falls, double * sums, int16_t * greatest);

/// Peaks at every window: coordinate, weight and significance.
int32_t focus_stacking_native_peaks(const focus_stacking::Peaks * peaks);

/// What the state tells of how far the mean focus curve falls: sums as those of one lag above, of
/// the pixels whose signal is more than `clear` floors and `clear_signal` grey levels.
int32_t focus_stacking_native_state_falls(
  const focus_stacking::StatePeaks * job, float clear, float clear_signal, double * sums);

/// Peaks of a state: coordinate, weight and significance.
int32_t focus_stacking_native_state_peaks(const focus_stacking::StatePeaks * job);

/// A surface through peaks; returns 1 where there is no memory.
int32_t focus_stacking_native_surface(const focus_stacking::Surface * surface);

/// Whether the focus curve of a pixel's own tells, at any window.
int32_t focus_stacking_native_evidence(const focus_stacking::Evidence * evidence);

/// What a surface is worth, and what the image is fused by.
int32_t focus_stacking_native_judge(const focus_stacking::Judging * judging);

}
#pragma GCC visibility pop

#endif  // FOCUS_STACKING_DEPTH_HPP

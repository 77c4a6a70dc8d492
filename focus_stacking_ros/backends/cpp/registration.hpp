// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// The stages of registration: core/align/pyramid.py and core/align/level_fit.py say what they do,
// backends/native_align.py calls them.

#ifndef FOCUS_STACKING_REGISTRATION_HPP
#define FOCUS_STACKING_REGISTRATION_HPP

#include "native.hpp"

namespace focus_stacking
{

/// Numbers of core/align/level_fit.py; `model` is a Motion.
struct FitRules
{
  double share, correlated, doubt, blurred, prior, tolerance;
  int32_t cells, least_cells, all_of, steps, cubed, factor, model;
};

/// Shift, linear part and perspective, brightness and contrast at most.
constexpr int kMostParameters = 8;

/// How a level of a slice lies on that of another.
struct LevelFit
{
  double transform[9], residual, agreement;
  double information[kMostParameters * kMostParameters];
  double trade[kMostParameters * kMostParameters];
  int32_t found;
};

/// The same level of two slices.
struct LevelPair
{
  const float * template_grey, * template_cells, * image_grey, * image_cells;
  int32_t rows, columns;
};

}  // namespace focus_stacking

#pragma GCC visibility push(default)
extern "C" {

/// Grey values and sharpness of cells of `count` levels of a slice, each half as large as the one
/// before; the finest is the luma itself, or the mean of its 2x2 pixels where `halved` is not 0.
/// `expanded`: 4096 grey levels by luma; `rules`: five weights of the smoothing, the grey level
/// that is clipped, the noise's energies in detail and slope over that in corners; `windows`: odd
/// sides of the windows of each level, cells; `sampled`: of cells that tell the noise.
int32_t focus_stacking_native_pyramid(
  const int16_t * luma, int32_t rows, int32_t columns, int32_t halved, int32_t count,
  const float * expanded, const float * rules, const int32_t * windows, int32_t sampled,
  float * const * grey, float * const * cells);

/// Refines a transform, 3x3 from template to image in pixels of the level. `prior`: how sure the
/// start is, (p, p), or null.
int32_t focus_stacking_native_fit_level(
  const focus_stacking::LevelPair * pair, const focus_stacking::FitRules * rules,
  const double * start, const double * prior, focus_stacking::LevelFit * result);

}  // extern "C"
#pragma GCC visibility pop

#endif  // FOCUS_STACKING_REGISTRATION_HPP

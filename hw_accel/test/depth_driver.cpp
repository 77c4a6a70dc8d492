// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Calls what the native library does of the depth, as native_driver.cpp calls the rest.

#include "depth.hpp"
#include "native_values.hpp"

#include <algorithm>

namespace
{

using focus_stacking::kFalls;
using focus_stacking::kWindows;

/// Planes of every slice, and their addresses.
template<typename Value>
struct Planes
{
  explicit Planes(std::vector<std::vector<Value>> values)
  : all(std::move(values))
  {
    for (const auto & each : all) {
      addresses.push_back(each.data());
    }
  }

  std::vector<std::vector<Value>> all;
  std::vector<const Value *> addresses;
};

}  // namespace

void depth(int rows, int columns, int count)
{
  const size_t pixels = static_cast<size_t>(rows) * columns;
  std::vector<std::vector<int16_t>> made;
  std::vector<float> steps, limits(count, 0.7f), blend;
  std::vector<std::vector<uint8_t>> bright;
  const int level_rows = (rows + 1) / 2, level_columns = (columns + 1) / 2;
  const auto texture = random_values<int16_t>(pixels, 8000);
  for (int n = 0; n < count; ++n) {
    auto plane = random_values<int16_t>(pixels, 60);
    for (size_t k = 0; k < pixels; ++k) {
      const int away = n - static_cast<int>(k % columns) * count / columns;
      plane[k] = static_cast<int16_t>(plane[k] + texture[k] / (1 + away * away));
      if (n == 1 && k % 7 == 0) {
        plane[k] = -1;
      }
    }
    made.push_back(plane);
    bright.push_back(random_values<uint8_t>(
      static_cast<size_t>(level_rows) * level_columns, 256));
    steps.push_back(static_cast<float>(n) + (n % 2 && n + 1 < count ? 0.25f : 0.0f));
    for (int m = 0; m < count; ++m) {
      blend.push_back(std::abs(m - n) < 3 ? 1.0f / static_cast<float>(1 + std::abs(m - n)) : 0);
    }
  }
  const Planes<int16_t> responses(made);
  const Planes<uint8_t> levels(bright);
  const focus_stacking::Volume volume{
    responses.addresses.data(), count, rows, columns, 5, steps.data()};
  std::vector<std::vector<float>> floors;
  for (int k = 0; k < kWindows; ++k) {
    floors.push_back(random_floats(pixels, 0.5f, 2.0f));
  }
  std::vector<int16_t> greatest(pixels);
  for (int ends = 0; ends < 2; ++ends) {
    const int lags = ends ? 1 : 3;
    std::vector<double> sums(static_cast<size_t>(kFalls) * lags * 4);
    const focus_stacking::Falls falls{volume, {1, 9}, 2 - ends, ends, 1, lags,
      {floors[0].data(), floors[1].data()}, {1.0f, 0.5f}, 0.5f};
    require(focus_stacking_native_falls(&falls, sums.data(), greatest.data()));
    print("falls", rows, columns, sums);
    print("falls", rows, columns, greatest);
  }
  const auto near = random_floats(pixels, 1, 500);
  std::vector<float> planes[3 * kWindows];
  for (auto & plane : planes) {
    plane.resize(pixels);
  }
  const size_t sparse = static_cast<size_t>((rows + 1) / 2) * ((columns + 1) / 2);
  std::vector<uint8_t> told(sparse);
  std::vector<float> near_peak(sparse), far_peak(sparse);
  for (const float * weights : {static_cast<const float *>(nullptr),
      static_cast<const float *>(blend.data())})
  {
    const focus_stacking::Peaks peaks{
      volume, {1, 5, 13}, 2, limits.data(), weights, 0.8f,
      {floors[0].data(), floors[1].data(), floors[2].data()}, {0.07f, 0.05f, 0.03f}, 1.1f, 0.8f,
      1.6f, near.data(), levels.addresses.data(), bright[0].data(), level_rows, level_columns,
      {0.5f, 0.01f, -0.3f, -0.01f, 0.5f, -0.2f, 0.0001f, 0, 1}, 6, 0.01f, 0.05f, 0.02f, 0.3f,
      0.15f, 0.1f, 3, 0.8f, 0.02f, 0.05f, 0.25f, 0.7f, 0.05f,
      {planes[0].data(), planes[1].data(), planes[2].data()},
      {planes[3].data(), planes[4].data(), planes[5].data()},
      {planes[6].data(), planes[7].data(), planes[8].data()}, 2, 0.25f, 0.3f, 5, 4.5f, 0.02f,
      0.05f, told.data(), near_peak.data(), far_peak.data()};
    require(focus_stacking_native_peaks(&peaks));
    for (const auto & plane : planes) {
      print("peaks", rows, columns, plane);
    }
    print("peaks", rows, columns, told);
    print("peaks", rows, columns, near_peak);
    print("peaks", rows, columns, far_peak);
  }
  const auto guide = random_floats(pixels, 0, 255);
  const float * coordinates[] = {planes[0].data(), planes[1].data(), planes[2].data()};
  const float * weights[] = {planes[3].data(), planes[4].data(), planes[5].data()};
  const float * significances[] = {planes[6].data(), planes[7].data(), planes[8].data()};
  const float shares[] = {1.0f / 31, 0.1f, 1};
  std::vector<float> coordinate(pixels), agreement(pixels), spread(pixels), broad(pixels);
  const focus_stacking::Surface surface{
    rows, columns, kWindows, 3, coordinates, weights, guide.data(), shares, 10, 0.03f, 30, 0.25f,
    3, 8, 1.5f, 1e-6f, 1.5f, 0.05f, 0.02f, 0.03f, coordinate.data(), agreement.data(),
    spread.data(), broad.data()};
  require(focus_stacking_native_surface(&surface));
  for (const auto & plane : {coordinate, agreement, spread, broad}) {
    print("surface", rows, columns, plane);
  }
  const float knots[] = {-10, -4, -1, 0}, values[] = {-4, -1, 0.5f, 1};
  const focus_stacking::Term terms[] = {{0, 1, 4, knots, values}, {1, 0, 4, knots, values},
    {2, 1, 4, knots, values}, {3, 1, 4, knots, values}, {4, 1, 4, knots, values},
    {5, 1, 4, knots, values}};
  const float blur[] = {0.1f, 0.2f, 0.4f, 0.2f, 0.1f};
  const int32_t disc[] = {0, 2, 3, 3, 3, 2, 0};
  std::vector<float> found[5];
  for (auto & plane : found) {
    plane.resize(pixels);
  }
  std::vector<float> evidence(pixels);
  const focus_stacking::Evidence telling{
    rows, columns, kWindows, weights, significances, 4.5f, 0.5f, 0.02f, evidence.data()};
  require(focus_stacking_native_evidence(&telling));
  print("evidence", rows, columns, evidence);
  const focus_stacking::Judging judging{
    rows, columns, count, evidence.data(), coordinates[0], agreement.data(), spread.data(),
    broad.data(), steps.data(), 1.3f, 0.13f, 0.3f, 0.52f, 0.22f, 2.3f, 2, 0.37f, 3, blur, blur, 5, 5, 5, disc, 7, 5, terms, terms, 5, 6, 6.2f, -4.9f, 1e-4f,
    1.5f, 0.69f, 0.1f, 0.04f, 0.6f, coordinate.data(), found[0].data(), found[1].data(),
    found[2].data(), found[3].data(), found[4].data()};
  require(focus_stacking_native_judge(&judging));
  for (const auto & plane : found) {
    print("judge", rows, columns, plane);
  }
  // A running state, whose numbers have one byte or two; 255 and 65535 stand for no slice. What
  // comes after it has the same values as without.
  const uint32_t seed = random_seed;
  const auto total = random_values<int32_t>(pixels, 4000);
  std::vector<int16_t> states[4];
  for (auto & plane : states) {
    plane = random_values<int16_t>(pixels, 900);
    for (size_t k = 0; k < pixels; k += 11) {
      plane[k] = -1;
    }
  }
  const auto number = random_values<uint8_t>(pixels, count);
  const auto some = random_values<uint8_t>(pixels, 2);
  std::vector<uint8_t> index = number, counted(pixels);
  std::vector<uint16_t> wide_index(pixels), wide_counted(pixels);
  for (size_t k = 0; k < pixels; ++k) {
    wide_counted[k] = counted[k] = static_cast<uint8_t>(count - some[k]);
    wide_index[k] = number[k];
    if (k % 13 == 0) {
      index[k] = 255;
      wide_index[k] = 65535;
    }
  }
  for (int wide = 0; wide < 2; ++wide) {
    focus_stacking::StatePeaks job{};
    focus_stacking::Peaks & peaks = job.peaks;
    peaks.volume = {nullptr, count, rows, columns, 3, steps.data()};
    peaks.limits = limits.data();
    peaks.floors[0] = floors[0].data();
    peaks.scatters[0] = 0.07f;
    peaks.width = 1.1f, peaks.curvature = 0.8f;
    peaks.near = near.data();
    peaks.levels = levels.addresses.data(), peaks.usual = bright[0].data();
    peaks.level_rows = level_rows, peaks.level_columns = level_columns;
    const float place[] = {0.5f, 0.01f, -0.3f, -0.01f, 0.5f, -0.2f, 0.0001f, 0, 1};
    std::copy(place, place + 9, peaks.place);
    peaks.glow = 0.6f, peaks.faint = 0.01f, peaks.faint_share = 0.05f;
    peaks.model_error = 0.02f, peaks.curvature_spread = 0.3f, peaks.least_curvature = 0.15f;
    peaks.systematic = 0.1f, peaks.doubtful = 3, peaks.doubtful_range = 0.8f;
    peaks.response_error = 0.02f, peaks.least_error = 0.05f;
    peaks.weak = 0.25f, peaks.borrowed = 0.7f;
    peaks.coordinate[0] = planes[0].data(), peaks.weight[0] = planes[1].data();
    peaks.significance[0] = planes[2].data();
    job.best = states[0].data(), job.left = states[1].data(), job.right = states[2].data();
    job.detail = states[3].data(), job.total = total.data();
    job.index = wide ? static_cast<const void *>(wide_index.data()) : index.data();
    job.count = wide ? static_cast<const void *>(wide_counted.data()) : counted.data();
    job.wide = wide, job.none = wide ? 65535 : 255, job.slices = count;
    std::vector<double> sums(4);
    require(focus_stacking_native_state_falls(&job, 0.4f, 0.5f, sums.data()));
    print("state_falls", rows, columns, sums);
    require(focus_stacking_native_state_peaks(&job));
    for (int k = 0; k < 3; ++k) {
      print("state_peaks", rows, columns, planes[k]);
    }
  }
  random_seed = seed;
}

// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Calls every function of the native library with the same numbers on every processor, in memory
// that ends where it has to, and prints a checksum of what each has written.

#include "average.hpp"
#include "luma_average.hpp"
#include "front.hpp"
#include "fuse.hpp"
#include "native_maps.hpp"
#include "native_values.hpp"
#include "parallel.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace
{

void measure(int rows, int columns)
{
  const int half_rows = (rows + 1) / 2;
  const size_t pixels = static_cast<size_t>(rows) * columns;
  std::vector<int16_t> response(static_cast<size_t>(half_rows) * ((columns + 1) / 2));
  const auto luma = random_values<int16_t>(pixels, 4096);
  for (int cross = 0; cross < 2; ++cross) {
    for (int first = 0; first < half_rows; first += 5) {
      require(focus_stacking_native_differences(luma.data(), rows, columns, cross, first,
        std::min(first + 5, half_rows), response.data()));
    }
    print("differences", rows, columns, response);
  }
  const int32_t quadrant[16] = {
    -320, 0, 85, 12, 0, 50, 30, 4, 85, 30, 6, 1, 12, 4, 1, 0};
  for (int channels : {1, 3}) {
    const auto bytes = random_values<uint8_t>(pixels * channels, 256);
    require(focus_stacking_native_log_norm(bytes.data(), rows, columns, channels, 0, quadrant, 0,
      half_rows, response.data()));
    print("log_norm of 8 bits", rows, columns, response);
    const auto words = random_values<uint16_t>(pixels * channels, 65536);
    require(focus_stacking_native_log_norm(words.data(), rows, columns, channels, 1, quadrant, 0,
      half_rows, response.data()));
    print("log_norm of 16 bits", rows, columns, response);
  }
}

template<typename Pixel>
void front(int rows, int columns, int channels, int padding)
{
  const size_t pixels = static_cast<size_t>(rows) * columns;
  const size_t halves = static_cast<size_t>((rows + 1) / 2) * ((columns + 1) / 2);
  const int stride = columns * channels + padding;
  const auto image = random_values<Pixel>(
    static_cast<size_t>(stride) * rows - padding, sizeof(Pixel) == 1 ? 256 : 65536);
  std::vector<int16_t> luma(pixels), half(halves), ring(halves), cross(halves);
  std::vector<uint8_t> sharpness(pixels);
  std::vector<uint32_t> noise(16 * 1024), channel_noise(channels * 1024);
  const int cell_rows = std::min(rows, 3), cell_columns = std::min(columns, 5);
  const int cells_y = rows / cell_rows, cells_x = columns / cell_columns;
  std::vector<uint64_t> light(static_cast<size_t>(cells_y) * cells_x * channels * 3);
  for (int all = 0; all < 2; ++all) {
    std::fill(noise.begin(), noise.end(), 0);
    std::fill(light.begin(), light.end(), 0);
    const focus_stacking::Front what{image.data(), all ? luma.data() : nullptr, half.data(),
      sharpness.data(), all ? ring.data() : nullptr,
      all ? cross.data() : nullptr, noise.data(), all ? channel_noise.data() : nullptr,
      light.data(), rows, columns, channels, sizeof(Pixel) == 2, padding > 0, stride, 3, 2,
      cell_rows, cell_columns, cells_y, cells_x};
    require(focus_stacking_native_front(&what));
    print("front", rows, columns, half);
    print("front", rows, columns, sharpness);
    print("front", rows, columns, noise);
    print("front", rows, columns, light);
  }
  print("front", rows, columns, luma);
  print("front", rows, columns, ring);
  print("front", rows, columns, cross);
  print("front", rows, columns, channel_noise);
}

template<typename Pixel>
void average(int rows, int columns, int channels, int kind)
{
  const size_t pixels = static_cast<size_t>(rows) * columns;
  std::vector<float> total(pixels * channels), weight(pixels);
  for (const Map & map : maps_of(rows, columns)) {
    const auto image = random_values<Pixel>(pixels * channels, sizeof(Pixel) == 1 ? 256 : 65536);
    const auto sharpness = random_values<uint8_t>(pixels, 256);
    const focus_stacking::Average what{image.data(), sharpness.data(), map.columns_x.data(),
      map.rows_x.data(), map.columns_y.data(), map.rows_y.data(), total.data(), weight.data(),
      rows, columns, channels, kind, map.separable, {1.01f, 0.93f, 1.7f}};
    require(focus_stacking_native_average(&what));
    print("average", rows, columns, total);
    print("average", rows, columns, weight);
  }
}

std::vector<int32_t> every_other(const std::vector<int32_t> & table)
{
  std::vector<int32_t> some;
  for (size_t k = 0; k < table.size(); k += 2) {
    some.push_back(table[k]);
  }
  return some;
}

void average_luma(int rows, int columns)
{
  const size_t pixels = static_cast<size_t>(rows) * columns;
  const size_t quarter = static_cast<size_t>((rows + 1) / 2) * ((columns + 1) / 2);
  std::vector<float> total(quarter), weight(quarter);
  std::vector<uint8_t> sharpest(quarter);
  for (const Map & map : maps_of(rows, columns)) {
    const auto luma = random_values<int16_t>(pixels, 4096);
    const auto sharpness = random_values<uint8_t>(pixels, 256);
    const auto columns_x = every_other(map.columns_x), rows_x = every_other(map.rows_x);
    const auto columns_y = every_other(map.columns_y), rows_y = every_other(map.rows_y);
    const focus_stacking::LumaAverage what{luma.data(), sharpness.data(), columns_x.data(),
      rows_x.data(), columns_y.data(), rows_y.data(), total.data(), weight.data(),
      sharpest.data(), rows, columns, map.separable, 0.93f};
    require(focus_stacking_native_average_luma(&what));
    print("average_luma", rows, columns, total);
    print("average_luma", rows, columns, weight);
    print("average_luma", rows, columns, sharpest);
  }
}

void align_and_accumulate(int rows, int columns)
{
  const size_t pixels = static_cast<size_t>(rows) * columns;
  const auto response = random_values<int16_t>(pixels, 16384);
  std::vector<std::vector<int16_t>> aligned{response};
  if (rows > 1 && columns > 1) {
    for (const Map & map : maps_of(rows, columns)) {
      std::vector<int16_t> result(pixels);
      require(focus_stacking_native_align(response.data(), rows, columns, map.columns_x.data(),
        map.rows_x.data(), map.columns_y.data(), map.rows_y.data(), map.separable, 17000, 0, rows,
        result.data()));
      print("align", rows, columns, result);
      aligned.push_back(result);
    }
  }
  for (int window : {1, 4, 15}) {
    std::vector<int16_t> best(pixels, -1), left(best), right(best), previous(best), detail(best);
    std::vector<uint8_t> index(pixels, 255), count(pixels);
    std::vector<int32_t> total(pixels);
    for (size_t number = 0; number < aligned.size(); ++number) {
      for (int first = 0; first < rows; first += 7) {
        require(focus_stacking_native_accumulate(aligned[number].data(), rows, columns, window,
          static_cast<int>(number), first, std::min(first + 7, rows), best.data(), left.data(),
          right.data(), previous.data(), detail.data(), index.data(), count.data(),
          total.data()));
      }
    }
    for (const auto & plane : {best, left, right, previous, detail}) {
      print("state", rows, columns, plane);
    }
    print("state", rows, columns, index);
    print("state", rows, columns, count);
    print("state", rows, columns, total);
  }
}

template<typename Pixel>
void fuse(int rows, int columns, int channels)
{
  using focus_stacking::Slice;
  const size_t pixels = static_cast<size_t>(rows) * columns;
  const std::vector<Map> maps = maps_of(rows, columns);
  const int slices = static_cast<int>(maps.size());
  std::vector<std::vector<Pixel>> images;
  std::vector<std::vector<uint8_t>> sharpness;
  std::vector<Slice> known;
  auto valid = random_values<uint8_t>(pixels, 2);
  for (uint8_t & value : valid) {
    value = value ? 255 : 0;
  }
  for (const Map & map : maps) {
    images.push_back(random_values<Pixel>(pixels * channels, sizeof(Pixel) == 1 ? 256 : 65536));
    sharpness.push_back(random_values<uint8_t>(pixels, 256));
    known.push_back({images.back().data(), sharpness.back().data(),
        known.size() == 1 ? valid.data() : nullptr, map.columns_x.data(), map.rows_x.data(),
        map.columns_y.data(), map.rows_y.data(), map.separable, {16384, 17000, 15000}});
  }
  std::vector<uint8_t> penalties(256), weights(256), relative(256), distances(256), gates(256);
  std::vector<float> farthest(256);
  for (int k = 0; k < 256; ++k) {
    penalties[k] = static_cast<uint8_t>(std::min(2 * k, 255));
    weights[k] = static_cast<uint8_t>(k < 128 ? 255 : k < 210 ? (255 - k) * 2 : 0);
    relative[k] = weights[std::min(k + 128, 255)];
    distances[k] = static_cast<uint8_t>(std::min(k / 2, 255));
    gates[k] = static_cast<uint8_t>(k < 150 ? k / 2 : 255);
    farthest[k] = k < 150 ? 8.0f : 0.0f;
  }
  std::vector<double> cubic;
  for (int part = 0; part < 32; ++part) {
    for (int t : {32 + part, part, 32 - part, 64 - part}) {
      cubic.push_back(t < 32 ? 5 * t * t * t - 288 * t * t + 131072 :
        -3 * t * t * t + 480 * t * t - 24576 * t + 393216);
    }
  }
  std::vector<float> gate_limits, lead_limits;
  for (int k = 0; k < 100; ++k) {
    gate_limits.push_back(std::ldexp(1.0f + 0.0625f * static_cast<float>(k % 16), k / 16 - 4));
  }
  for (int k = -14; k < 9; ++k) {
    lead_limits.push_back(std::ldexp(1.0f, k));
  }
  const focus_stacking::Tables tables{penalties.data(), weights.data(), relative.data(),
    relative.data(), distances.data(), gates.data(), penalties.data(), distances.data(),
    distances.data(), cubic.data(), farthest.data(), gate_limits.data(), lead_limits.data(),
    static_cast<int32_t>(gate_limits.size()), static_cast<int32_t>(lead_limits.size()), 128, 255,
    14, 64, 2, 3};
  const auto index = random_floats(pixels, 0, static_cast<float>(slices - 1));
  const auto noise = random_floats(pixels, 0, 9), widest = random_floats(pixels, 1, 4);
  const auto sharpest = random_values<uint8_t>(pixels, 256);
  const std::vector<uint8_t> missed(pixels, 20);
  std::vector<uint8_t> narrow(pixels);
  for (size_t k = 0; k < pixels; k += 3) {
    narrow[k] = 1;
  }
  for (float trust : {0.0f, 0.9f, 1.0f}) {
    const auto trusts = random_floats(pixels, trust, 1.0f);
    const focus_stacking::Job job{rows, columns, slices, channels, sizeof(Pixel) == 2,
      known.data(), &tables, index.data(), trusts.data(), noise.data(), widest.data(),
      sharpest.data(), missed.data(), narrow.data(), 0.25f, 0.3f, 0.5f, 0.1f, 7.1f, 0.78f, 0.99f,
      0.015f, 32, 96, 0, rows, nullptr};
    std::vector<Pixel> result(pixels * channels);
    require(focus_stacking_native_fuse(&job, result.data()));
    print("fuse", rows, columns, result);
    std::vector<uint8_t> records(pixels * 8), used(slices);
    require(focus_stacking_native_guide(&job, records.data(), used.data()));
    records.insert(records.end(), used.begin(), used.end());
    print("guide", rows, columns, records);
  }
  const size_t half = static_cast<size_t>((rows + 1) / 2) * ((columns + 1) / 2);
  const size_t quarter = static_cast<size_t>((rows + 3) / 4) * ((columns + 3) / 4);
  const auto places = random_floats(half, 0, static_cast<float>(slices - 1));
  const auto shares = random_floats(half, 0, 1), luma = random_floats(half, 0, 255);
  const auto change = random_floats(quarter, 0, 9), raised = random_floats(quarter, 1, 3);
  const auto halves = random_values<uint8_t>(half, 200), noises = random_values<uint8_t>(256, 4);
  const std::vector<float> levels(noises.begin(), noises.end());
  const std::vector<uint8_t> narrows(narrow.begin(), narrow.begin() + quarter);
  const focus_stacking::GuideSource source{rows, columns, places.data(), shares.data(),
    shares.data(), luma.data(), halves.data(), nullptr, change.data(), raised.data(),
    narrows.data(), levels.data(), {1.01, 0.02, -1.5, -0.02, 1.01, 2.5}, {0.33f, 0.5f}, {0.1f, 3.3f},
    {0.5f, 2.5f}, {1.0f, 1.0f}, 0.8f, 6.0f, 20};
  std::vector<uint8_t> sharp(pixels);
  std::vector<float> sigma(pixels), calm(pixels);
  require(focus_stacking_native_guide_rows(
      &source, 0, rows, sharp.data(), sigma.data(), calm.data()));
  print("guide_rows", rows, columns, sharp);
  print("guide_rows", rows, columns, sigma);
  print("guide_rows", rows, columns, calm);
  const focus_stacking::Job job{rows, columns, slices, channels, sizeof(Pixel) == 2,
    known.data(), &tables, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, 0.25f,
    0.3f, 0.5f, 0.1f, 7.1f, 0.78f, 0.99f, 0.015f, 32, 96, 0, rows, &source};
  std::vector<Pixel> result(pixels * channels);
  require(focus_stacking_native_fuse(&job, result.data()));
  print("fuse_source", rows, columns, result);
}

}  // namespace

int main(int count, char ** arguments)
{
  // As many threads as are named, else as there are processors.
  focus_stacking_native_set_threads(count > 1 ? std::atoi(arguments[1]) : 0);
  const int sizes[][2] = {{1, 1}, {1, 9}, {9, 1}, {2, 2}, {2, 3}, {3, 2}, {14, 33}, {45, 70},
    {131, 260}};
  for (const auto & size : sizes) {
    measure(size[0], size[1]);
    for (int channels : {1, 3}) {
      for (int padding : {0, 3}) {  // with it, red first
        front<uint8_t>(size[0], size[1], channels, padding);
        front<uint16_t>(size[0], size[1], channels, padding);
      }
    }
    align_and_accumulate(size[0], size[1]);
    compare(size[0], size[1]);
    for (int count : {2, 3, 21}) {
      depth(size[0], size[1], count);
    }
    registration(size[0], size[1]);
    after_fusion(size[0], size[1]);
    if (size[0] > 1 && size[1] > 1) {
      average_luma(size[0], size[1]);
      for (int channels : {1, 3}) {
        average<uint8_t>(size[0], size[1], channels, focus_stacking::kAverage8);
        average<uint16_t>(size[0], size[1], channels, focus_stacking::kAverage16);
      }
      for (int channels : {1, 3}) {
        fuse<uint8_t>(size[0], size[1], channels);
        fuse<uint16_t>(size[0], size[1], channels);
      }
#if !defined(FOCUS_STACKING_EXPORTED)
      taking(size[0], size[1]);
#endif
    }
  }
  return 0;
}

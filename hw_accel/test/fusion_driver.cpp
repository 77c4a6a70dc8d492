// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Calls what the native library does after the image is fused, until it is written, as
// native_driver.cpp calls the rest.

#include "deflate.hpp"
#include "energy.hpp"
#include "faint.hpp"
#include "greatest_blocks.hpp"
#include "native_values.hpp"
#include "near_light.hpp"
#include "rims.hpp"

#include <algorithm>

namespace
{

/// An index with jumps, whose rows rise and fall.
std::vector<float> jumping(int rows, int columns)
{
  auto index = random_floats(static_cast<size_t>(rows) * columns, 0, 0.5f);
  for (int v = 0; v < rows; ++v) {
    for (int u = 0; u < columns; ++u) {
      index[static_cast<size_t>(v) * columns + u] +=
        (u + v / 2) / 24 % 2 ? 1.0f : 6.0f + static_cast<float>(u / 48 % 2);
    }
  }
  return index;
}

template<typename Pixel>
void rims(int rows, int columns, int channels)
{
  const size_t pixels = static_cast<size_t>(rows) * columns;
  const auto image = random_values<Pixel>(pixels * channels, sizeof(Pixel) == 1 ? 256 : 65536);
  const auto index = jumping(rows, columns), confidence = random_floats(pixels, 0, 1);
  std::vector<float> result = index;
  std::vector<uint8_t> known(pixels);
  const focus_stacking::RimJob job{rows, columns, channels, sizeof(Pixel) == 2, image.data(),
    index.data(), confidence.data(), 2, 48, 24, 7, 12, 4, 4, 1.5f, 0.25f, 4, 10, result.data(),
    known.data()};
  require(focus_stacking_native_rims(&job));
  print("rims", rows, columns, result);
  print("rims", rows, columns, known);
}

template<typename Pixel>
void near_light(int rows, int columns, int channels)
{
  const size_t size = static_cast<size_t>(rows) * columns;
  const auto image = random_values<Pixel>(size * channels, sizeof(Pixel) == 1 ? 256 : 65536);
  const auto index = jumping(rows, columns);
  const auto known = random_values<uint8_t>(size, 2);
  std::vector<int64_t> pixels(size), count(1);
  std::vector<float> away(size), gap(size);
  const focus_stacking::BesideJob job{rows, columns, 10, 2, 3, index.data(), known.data(),
    pixels.data(), away.data(), gap.data(), count.data()};
  require(focus_stacking_native_beside(&job));
  const size_t found = static_cast<size_t>(count[0]);
  for (auto * each : {&away, &gap}) {
    each->resize(found);
    print("beside", rows, columns, *each);
  }
  pixels.resize(found);
  print("beside", rows, columns, pixels);
  const auto table = random_floats(sizeof(Pixel) == 1 ? 256 : 65536, 0, 1);
  std::vector<float> share(found), light(found * channels), radius(found), saturated(found);
  const focus_stacking::SpreadJob spread{columns, 10, channels, sizeof(Pixel) == 2, 2, 0.8, 200,
    count[0], image.data(), index.data(), table.data(), pixels.data(), share.data(), light.data(),
    radius.data(), saturated.data()};
  require(focus_stacking_native_spread(&spread));
  for (const auto & each : {share, light, radius, saturated}) {
    print("spread", rows, columns, each);
  }
}

void faint(int rows, int columns)
{
  const size_t size = static_cast<size_t>(rows) * columns;
  const size_t coarse_size = static_cast<size_t>((rows + 3) / 4) * ((columns + 3) / 4);
  auto sharpness = random_values<uint8_t>(size, 256);
  const auto coarse = random_values<uint8_t>(coarse_size, 256);
  auto share = random_values<uint8_t>(coarse_size, 256);
  std::fill(share.begin(), share.begin() + coarse_size / 2, uint8_t{0});
  const auto valid = random_values<uint8_t>(size, 2);
  for (const uint8_t * mask : {static_cast<const uint8_t *>(nullptr), valid.data()}) {
    const focus_stacking::FaintJob job{rows, columns, sharpness.data(), coarse.data(),
      share.data(), mask, sharpness.data()};
    require(focus_stacking_native_faint(&job));
    print("faint", rows, columns, sharpness);
  }
}

/// Slices whose blocks are compared: of pixels and of blocks, turned and not.
void blocks(int rows, int columns)
{
  constexpr int kCount = 3;
  const size_t size = static_cast<size_t>(rows) * columns;
  const size_t small = static_cast<size_t>((rows + 3) / 4) * ((columns + 3) / 4);
  const auto valid = random_values<uint8_t>(small, 2);
  for (const bool sums : {true, false}) {
    std::vector<std::vector<uint8_t>> planes;
    std::vector<focus_stacking::BlockSlice> slices;
    for (int k = 0; k < kCount; ++k) {
      planes.push_back(random_values<uint8_t>(sums ? size : small, 256));
    }
    for (int k = 0; k < kCount; ++k) {
      const double shift = 7.3 * (k - 1), turn = k == 2 ? 0.01 : 0.0;
      slices.push_back({planes[k].data(), sums || k ? nullptr : valid.data(),
          {1.01, turn, shift, -turn, 0.99, -shift}, 70.0f});
    }
    std::vector<float> index(small);
    std::vector<uint16_t> found[5];
    for (size_t k = 0; k < small; ++k) {
      index[k] = static_cast<float>(k % 7) / 3;
    }
    for (auto & each : found) {
      each.resize(small);
    }
    const float * indices[] = {index.data()};
    uint16_t * near[] = {found[0].data()}, * far[] = {found[1].data()};
    const focus_stacking::BlocksJob job{rows, columns, kCount, 1, sums, sums, 1.0f, 1e-4f,
      slices.data(), indices, near, far, sums ? nullptr : found[2].data(),
      sums ? nullptr : found[3].data(), sums ? nullptr : found[4].data()};
    require(focus_stacking_native_blocks(&job));
    for (const auto & each : found) {
      print("blocks", rows, columns, each);
    }
  }
}

template<typename Pixel>
void energy(int rows, int columns, int channels, int kind)
{
  const auto image = random_values<Pixel>(
    static_cast<size_t>(rows) * columns * channels, sizeof(Pixel) == 1 ? 256 : 4080);
  const std::vector<int32_t> tops{0, rows / 2};
  const std::vector<float> taps{0.4989f, 0.2284f, 0.0219f, 0.0004f};
  const int across = columns / 8;
  std::vector<float> result(static_cast<size_t>(8) * across);
  for (const double shift : {0.3, -20.0}) {
    const focus_stacking::EnergyJob job{rows, columns, channels, kind, channels == 3 && kind == 0,
      2, across, image.data(), {1.01, 0.02, shift, -0.02, 0.99, 2 * shift}, tops.data(),
      taps.data(), result.data()};
    require(focus_stacking_native_energy(&job));
    print("energy", rows, columns, result);
  }
}

void deflate(int rows, int columns)
{
  const int count = rows * columns;
  auto bytes = random_values<uint8_t>(count, 64);
  for (int k = 0; k < count; ++k) {
    bytes[k] = static_cast<uint8_t>(bytes[k] * bytes[k] >> 6);  // some more often than others
  }
  for (int last : {0, 1}) {
    std::vector<uint8_t> packed(1024 + count + count / 8);
    int32_t size = 0;
    require(focus_stacking_native_deflate(bytes.data(), count, last, packed.data(), &size));
    packed.resize(size);
    print("deflate", rows, columns, packed);
  }
}

}  // namespace

void after_fusion(int rows, int columns)
{
  faint(rows, columns);
  blocks(rows, columns);
  deflate(rows, columns);
  if (rows >= 2 && columns >= 8) {
    energy<int16_t>(rows, columns, 1, 2);
    energy<uint8_t>(rows, columns, 3, 0);
    energy<uint16_t>(rows, columns, 3, 1);
  }
  for (int channels : {1, 3}) {
    rims<uint8_t>(rows, columns, channels);
    rims<uint16_t>(rows, columns, channels);
    near_light<uint8_t>(rows, columns, channels);
    near_light<uint16_t>(rows, columns, channels);
  }
}

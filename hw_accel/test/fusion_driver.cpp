// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Calls what the native library does after the image is fused, as native_driver.cpp calls the rest.

#include "native_values.hpp"
#include "rims.hpp"

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

}  // namespace

void after_fusion(int rows, int columns)
{
  for (int channels : {1, 3}) {
    rims<uint8_t>(rows, columns, channels);
    rims<uint16_t>(rows, columns, channels);
  }
}

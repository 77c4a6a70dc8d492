// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// What slices are registered by, with the same numbers on every processor.

#include "native_values.hpp"
#include "registration.hpp"

void registration(int rows, int columns)
{
  using focus_stacking::LevelFit;
  const size_t pixels = static_cast<size_t>(rows) * columns;
  std::vector<float> expanded(4096);
  for (int k = 0; k < 4096; ++k) {
    expanded[k] = static_cast<float>(k) * static_cast<float>(k + 4096) / 131072;
  }
  const float rules[] = {0.01f, 0.2f, 0.58f, 0.2f, 0.01f, 240, 2.1f, 0.26f};
  const int32_t windows[] = {7, 3};
  // One texture, and the other one pixel of it aside.
  std::vector<std::vector<int16_t>> lumas(2, std::vector<int16_t>(pixels));
  const auto noise = random_values<int16_t>(pixels, 4096);
  for (size_t k = 0; k < pixels; ++k) {
    lumas[0][k] = static_cast<int16_t>((noise[k] + noise[(k + 1) % pixels]) / 2);
    lumas[1][(k + 1) % pixels] = lumas[0][k];
  }
  for (int halved = 0; halved < 2 && rows >> halved > 1 && columns >> halved > 1; ++halved) {
    const int count = rows >> halved > 3 && columns >> halved > 3 ? 2 : 1;
    std::vector<std::vector<float>> grey[2], cells[2];
    for (int slice = 0; slice < 2; ++slice) {
      std::vector<float *> greys, all_cells;
      for (int k = 0; k < count; ++k) {
        const int down = rows >> halved >> k, across = columns >> halved >> k;
        grey[slice].emplace_back(static_cast<size_t>(down) * across);
        cells[slice].emplace_back(static_cast<size_t>((down + 1) / 2) * ((across + 1) / 2));
        greys.push_back(grey[slice].back().data());
        all_cells.push_back(cells[slice].back().data());
      }
      require(focus_stacking_native_pyramid(lumas[slice].data(), rows, columns, halved, count,
        expanded.data(), rules, windows, 100, greys.data(), all_cells.data()));
      for (int k = 0; k < count; ++k) {
        print("pyramid", rows, columns, grey[slice][k]);
        print("pyramid", rows, columns, cells[slice][k]);
      }
    }
    const double starts[][9] = {
      {1, 0, 0.3, 0, 1, 0.2, 0, 0, 1}, {0.9, 0.2, 3, -0.2, 1.1, 1, 0, 0, 1},
      {1, 0, 0, 0, 1, 0, 1e-3, -1e-3, 1}, {1, 0, 1e9, 0, 1, -1e9, 0.1, 0, 1}};
    for (int model = 0; model < 6; ++model) {
      for (const auto & start : starts) {
        const focus_stacking::LevelPair pair{grey[0][0].data(), cells[0][0].data(),
          grey[1][0].data(), cells[1][0].data(), rows >> halved, columns >> halved};
        const focus_stacking::FitRules fit_rules{
          0.08, 4, 0.04, 0.2, 0.02, 5e-3, 600, 16, 1000, 6, halved, 1 + halved, model};
        const std::vector<double> prior(64, 1e-3);
        LevelFit fit{};
        require(focus_stacking_native_fit_level(&pair, &fit_rules, start,
          halved ? prior.data() : nullptr, &fit));
        print("fit", rows, columns, std::vector<double>(fit.transform, fit.transform + 9));
        print("fit", rows, columns, std::vector<double>(fit.information, fit.information + 64));
        print("fit", rows, columns, std::vector<double>(fit.trade, fit.trade + 64));
      }
    }
  }
}

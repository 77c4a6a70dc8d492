// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Takes parts of rows of slices, and several of them at once, in every way that this processor has;
// they have to agree with integers.

#include "between.hpp"
#include "native_maps.hpp"
#include "native_values.hpp"
#include "taken_bytes.hpp"
#include "taken_exactly.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace
{

using namespace focus_stacking;

const int32_t kGains[] = {16384, 17000, 131071};

void require_equal(bool equal)
{
  if (!equal) {
    std::puts("not what integers give");
    std::exit(1);
  }
}

/// Adds pixels `first` to `last` of a line to `total`.
template<int kChannels>
void add_exactly(
  const std::vector<uint8_t> & image, const Line & line, const uint8_t * weights, int first,
  int last, uint32_t * total)
{
  for (int u = first; u < last; ++u) {
    for (int c = 0; c < kChannels; ++c) {
      const int value = exact_value<kChannels>(
        image.data(), line.rows, line.columns, line.x(u), line.y(u), c);
      total[u * kChannels + c] +=
        static_cast<uint32_t>((value * kGains[c] + 512) >> 10) * weights[u];
    }
  }
}

template<int kChannels>
void take(int rows, int columns)
{
  const auto image =
    random_values<uint8_t>(static_cast<size_t>(rows) * columns * kChannels, 256);
  std::vector<int32_t> x(kTakenMost + kTakenAtOnce), y(x);
  for (const Map & map : maps_of(rows, columns)) {
    for (int v = 0; v < rows; v += 5) {
      const int width = std::min(columns, kTakenMost);
      const Line line{map.columns_x.data(), map.columns_y.data(),
        map.rows_x[map.separable ? 0 : v], map.rows_y[v], map.separable, rows, columns};
      positions(line, 0, width, x.data(), y.data());
      std::fill(x.begin() + width, x.end(), x[width - 1]);
      std::fill(y.begin() + width, y.end(), y[width - 1]);
      const auto weights = random_values<uint8_t>(width + kTakenAtOnce, 256);
      const int first = v % width;
      std::vector<uint32_t> expected((kTakenMost + kTakenAtOnce) * kChannels);
      add_exactly<kChannels>(image, line, weights.data(), first, width, expected.data());
      for (const TakeBytes way : {taking_256(kChannels), taking_512(kChannels)}) {
        std::vector<uint32_t> total(expected.size());
        if (way) {
          way({image.data(), rows, columns, kGains, x.data(), y.data(), weights.data(), first,
            width, total.data()});
          require_equal(total == expected);
        }
      }
    }
  }
}

/// Maps with which lines share nearly all, some or nothing of their positions.
std::vector<Map> alike(int rows, int columns)
{
  auto maps = maps_of(rows, columns);
  for (const double scale : {0.4, 0.93, 1.0, 1.07, 2.6}) {
    for (const double angle : {0.0, 2e-5, -4e-4, 3e-3}) {
      maps.emplace_back(rows, columns, scale, angle, 1.7, 0.4);
    }
  }
  return maps;
}

/// Calls with lines of all maps, begun at several places.
template<typename Work>
void each_block(int rows, int columns, Work work)
{
  for (const Map & map : alike(rows, columns)) {
    for (int v = 0; v < rows; v += LineBlock::kMost + 1) {
      const int begin = v % columns, step = map.separable ? 0 : 1;
      LineBlock lines{map.columns_x.data() + begin, map.columns_y.data() + step * begin, {}, {},
        std::min(rows - v, LineBlock::kMost + 0), map.separable, rows, columns};
      for (int k = 0; k < LineBlock::kMost; ++k) {
        const int row = std::min(v + k, rows - 1);
        lines.row_x[k] = map.rows_x[step * row];
        lines.row_y[k] = map.rows_y[row];
      }
      work(lines, std::min(columns - begin, kTakenMost));
    }
  }
}

template<int kChannels>
void take_block(int rows, int columns)
{
  const auto image =
    random_values<uint8_t>(static_cast<size_t>(rows) * columns * kChannels, 256);
  const TakeBlock way = block_taking_256(kChannels);
  each_block(
    rows, columns, [&](const LineBlock & lines, int width) {
      const int size = LineBlock::kMost * kTakenMost;
      auto weights = random_values<uint8_t>(size + kTakenAtOnce, 256);
      std::vector<uint32_t> expected((size + kTakenAtOnce) * kChannels), total(expected);
      for (int v = 0; v < LineBlock::kMost; ++v) {
        // Here and there nothing is wanted.
        std::fill_n(weights.begin() + kTakenMost * v, 8 * random_below(3), uint8_t{0});
        std::fill(
          weights.begin() + kTakenMost * v + width, weights.begin() + kTakenMost * (v + 1),
          uint8_t{0});
        if (v < lines.height) {
          add_exactly<kChannels>(
            image, lines.line(v), weights.data() + kTakenMost * v, 0, width,
            expected.data() + kTakenMost * kChannels * v);
        }
      }
      if (way) {
        way({image.data(), kGains, &lines, width, weights.data(), total.data(),
            {image.data(), static_cast<size_t>(columns) * kChannels, 1, rows}});
        require_equal(total == expected);
      }
    });
}

void lie_between(int rows, int columns)
{
  const auto plane = random_values<uint8_t>(static_cast<size_t>(rows) * columns, 256);
  const BetweenLines way = fastest_between_lines();
  each_block(
    rows, columns, [&](const LineBlock & lines, int width) {
      const int size = LineBlock::kMost * kTakenMost;
      std::vector<uint8_t> found(size + kBetweenAtOnce);
      if (!way) {
        return;
      }
      way(
        plane.data(), lines, width, found.data(), kTakenMost,
        {plane.data(), static_cast<size_t>(columns), 1, rows});
      for (int v = 0; v < lines.height; ++v) {
        const Line line = lines.line(v);
        for (int u = 0; u < width; ++u) {
          const int x = line.x(u), y = line.y(u);
          const int left = std::min(x >> 5, columns - 2), top = std::min(y >> 5, rows - 2);
          const int across = x - 32 * left, down = y - 32 * top;
          const uint8_t * from = plane.data() + static_cast<size_t>(top) * columns + left;
          const int sum =
            (32 - down) * ((32 - across) * from[0] + across * from[1]) +
            down * ((32 - across) * from[columns] + across * from[columns + 1]);
          require_equal(found[kTakenMost * v + u] == (sum + 512) >> 10);
        }
      }
    });
}

}  // namespace

void taking(int rows, int columns)
{
  take<1>(rows, columns);
  take<3>(rows, columns);
  take_block<1>(rows, columns);
  take_block<3>(rows, columns);
  lie_between(rows, columns);
}

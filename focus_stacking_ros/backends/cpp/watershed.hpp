// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// The watershed of an image from given sides (Meyer 1994, doi:10.1016/0165-1684(94)90060-4).

#ifndef FOCUS_STACKING_WATERSHED_HPP
#define FOCUS_STACKING_WATERSHED_HPP

#include "native.hpp"

#include <cstdlib>
#include <vector>

namespace focus_stacking
{

constexpr int8_t kUnknown = 0, kLine = -1, kWaiting = -2;

/// Floods what is unknown from its neighbours along the axes, the least step of colour first, then
/// who came first. What two sides reach, and the rim of the plane, becomes a line.
class Watershed
{
public:
  /// Planes of `columns` pixels a row: `colours` of three planes that are `size` apart.
  Watershed(const uint8_t * colours, size_t size, int rows, int columns, int8_t * sides)
  : colours_(colours), size_(size), rows_(rows), columns_(columns), sides_(sides), queues_(256) {}

  void flood()
  {
    for (int u = 0; u < columns_; ++u) {
      sides_[u] = sides_[static_cast<size_t>(rows_ - 1) * columns_ + u] = kLine;
    }
    for (int v = 0; v < rows_; ++v) {
      sides_[static_cast<size_t>(v) * columns_] = kLine;
      sides_[static_cast<size_t>(v + 1) * columns_ - 1] = kLine;
    }
    const int32_t beside[] = {-1, 1, -columns_, columns_};
    for (int v = 1; v < rows_ - 1; ++v) {
      for (int u = 1; u < columns_ - 1; ++u) {
        const int32_t at = v * columns_ + u;
        if (sides_[at] != kUnknown) {
          continue;
        }
        int least = 256;
        for (int32_t way : beside) {
          if (sides_[at + way] > 0) {
            least = smaller(least, step(at, at + way));
          }
        }
        if (least < 256) {
          wait(at, least);
        }
      }
    }
    for (lowest_ = 0; lowest_ < 256; ) {
      Queue & queue = queues_[lowest_];
      if (queue.taken == queue.pixels.size()) {
        queue.pixels.clear();
        queue.taken = 0;
        ++lowest_;
        continue;
      }
      const int32_t at = queue.pixels[queue.taken++];
      int8_t side = kUnknown;
      for (int32_t way : beside) {
        const int8_t other = sides_[at + way];
        if (other > 0) {
          side = side == kUnknown || side == other ? other : kLine;
        }
      }
      sides_[at] = side;
      if (side == kLine) {
        continue;
      }
      for (int32_t way : beside) {
        if (sides_[at + way] == kUnknown) {
          wait(at + way, step(at, at + way));
        }
      }
    }
  }

private:
  struct Queue
  {
    std::vector<int32_t> pixels;
    size_t taken = 0;
  };

  /// Greatest difference of the channels of two pixels.
  int step(int32_t one, int32_t other) const
  {
    int greatest = 0;
    for (int c = 0; c < 3; ++c) {
      const uint8_t * plane = colours_ + size_ * c;
      greatest = greater(greatest, std::abs(plane[one] - plane[other]));
    }
    return greatest;
  }

  void wait(int32_t at, int height)
  {
    sides_[at] = kWaiting;
    queues_[height].pixels.push_back(at);
    lowest_ = smaller(lowest_, height);
  }

  const uint8_t * colours_;
  const size_t size_;
  const int rows_, columns_;
  int8_t * sides_;
  std::vector<Queue> queues_;
  int lowest_ = 0;
};

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_WATERSHED_HPP

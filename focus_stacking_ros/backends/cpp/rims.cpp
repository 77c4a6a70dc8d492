// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// The edge of a near surface where the image has it, tile by tile; see `core.depth.rims`.

#include "rims.hpp"

#include "floats.hpp"
#include "jumps.hpp"
#include "parallel.hpp"
#include "watershed.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace focus_stacking
{
namespace
{

/// A tile with what is around it.
class RimTile
{
public:
  RimTile(const RimJob & job, const Bounds & tile)
  : job_(job), tile_(tile), outer_(tile.grown(job.margin, {0, 0, job.rows, job.columns})),
    jumps_(job, outer_) {}

  FOCUS_STACKING_INLINE void work()
  {
    if (!jumps_.find() || !jumps_.confirm()) {
      return;
    }
    around_ = jumps_.known().grown(job_.margin, outer_);
    width_ = around_.width();
    open();
    const bool moves = std::find_if(open_.begin(), open_.end(), [](uint8_t each) {
          return each != 0;
        }) != open_.end();
    if (moves) {
      flood();
      decide();
    }
    mark();
  }

private:
  /// Side of every pixel around what is known, and which of them may lie on the other side.
  FOCUS_STACKING_INLINE void open()
  {
    sides_.assign(around_.size(), kNeither);
    const Bounds & jumping = jumps_.jumping();
    const Bounds both{greater(around_.top, jumping.top), greater(around_.left, jumping.left),
      smaller(around_.bottom, jumping.bottom), smaller(around_.right, jumping.right)};
    for (int v = both.top; v < both.bottom; ++v) {
      std::copy_n(jumps_.sides(v) + both.left - jumping.left, both.width(), sides_.data() +
        static_cast<size_t>(v - around_.top) * width_ + both.left - around_.left);
    }
    open_.assign(around_.size(), 0);
    open_side(kNear, kFar, job_.outer);
    open_side(kFar, kNear, job_.inner);
  }

  /// Opens pixels of a side that lie within a distance of another one.
  FOCUS_STACKING_INLINE void open_side(uint8_t side, uint8_t other, float distance)
  {
    const int reach = static_cast<int>(distance);
    for (int down = -reach; down <= reach; ++down) {
      const int across = static_cast<int>(
        std::sqrt(distance * distance - static_cast<float>(down * down)));
      for (int v = greater(0, -down); v < smaller(around_.height(), around_.height() - down); ++v) {
        const uint8_t * here = sides_.data() + static_cast<size_t>(v) * width_;
        const uint8_t * there = here + static_cast<ptrdiff_t>(down) * width_;
        uint8_t * open = open_.data() + static_cast<size_t>(v) * width_;
        for (int way = -across; way <= across; ++way) {
          const int first = greater(0, -way), last = smaller(width_, width_ - way);
          for (int u = first; u < last; ++u) {
            open[u] = static_cast<uint8_t>(open[u] |
              ((here[u] == side) & (there[u + way] == other)));
          }
        }
      }
    }
  }

  /// Takes the colours of a row, 8 bits of each; those of a grey image are alike.
  template<typename Pixel>
  FOCUS_STACKING_INLINE void take_colours(const Pixel * __restrict from, size_t at)
  {
    constexpr int kShift = 8 * sizeof(Pixel) - 8;
    uint8_t * __restrict one = colours_.data() + at, * __restrict two = one + around_.size();
    uint8_t * __restrict three = two + around_.size();
    const int width = width_;
    if (job_.channels == 1) {
      for (int u = 0; u < width; ++u) {
        one[u] = two[u] = three[u] = static_cast<uint8_t>(from[u] >> kShift);
      }
      return;
    }
    for (int u = 0; u < width; ++u) {
      one[u] = static_cast<uint8_t>(from[3 * u] >> kShift);
      two[u] = static_cast<uint8_t>(from[3 * u + 1] >> kShift);
      three[u] = static_cast<uint8_t>(from[3 * u + 2] >> kShift);
    }
  }

  /// Lets the sides that are sure spread over what is open.
  FOCUS_STACKING_INLINE void flood()
  {
    colours_.resize(3 * around_.size());
    flooded_.resize(around_.size());
    for (int v = 0; v < around_.height(); ++v) {
      const size_t at = static_cast<size_t>(v) * width_;
      const size_t from = (static_cast<size_t>(around_.top + v) * job_.columns + around_.left) *
        job_.channels;
      if (job_.wide) {
        take_colours(static_cast<const uint16_t *>(job_.image) + from, at);
      } else {
        take_colours(static_cast<const uint8_t *>(job_.image) + from, at);
      }
      for (int u = 0; u < width_; ++u) {
        const uint8_t side = sides_[at + u];
        flooded_[at + u] = static_cast<int8_t>(open_[at + u] ? 0 : side == kNeither ? 3 : side);
      }
    }
    Watershed(colours_.data(), around_.size(), around_.height(), width_, flooded_.data()).flood();
  }

  /// Decides on which side each open pixel lies, and gives it the nearest sure index of that side.
  FOCUS_STACKING_INLINE void decide()
  {
    const int reach = job_.colours, height = around_.height();
    // Sums over the rows of a window, of both sides: how many pixels, and their colours.
    std::vector<uint16_t> sums(static_cast<size_t>(8) * width_);
    const auto add = [&](int v, uint16_t sign) {
        const size_t at = static_cast<size_t>(mirrored(v, height)) * width_;
        const int8_t * flooded = flooded_.data() + at;
        for (int side = 0; side < 2; ++side) {
          for (int c = 0; c < 4; ++c) {
            uint16_t * __restrict sum = sums.data() + static_cast<size_t>(4 * side + c) * width_;
            const uint8_t * __restrict value = colours_.data() +
              around_.size() * greater(c - 1, 0) + at;
            for (int u = 0; u < width_; ++u) {
              const uint16_t much = c == 0 ? 1 : value[u];
              const uint16_t mask = static_cast<uint16_t>(-(flooded[u] == side + 1));
              sum[u] = static_cast<uint16_t>(sum[u] + sign * (much & mask));
            }
          }
        }
      };
    for (int v = -reach; v < reach; ++v) {
      add(v, 1);
    }
    beside_.resize(width_ + 2 * reach);
    for (int u = 0; u < width_ + 2 * reach; ++u) {
      beside_[u] = mirrored(u - reach, width_);
    }
    find_sure();
    const Bounds some = known_in_tile();
    for (int v = 0; v < some.bottom - around_.top; ++v) {
      add(v + reach, 1);
      if (v >= some.top - around_.top) {
        const uint8_t * open = open_.data() + static_cast<size_t>(v) * width_;
        for (int u = some.left - around_.left; u < some.right - around_.left; ++u) {
          if (open[u] && jumps_.is_known(around_.top + v, around_.left + u)) {
            decide_pixel(v, u, sums.data());
          }
        }
      }
      add(v - reach, static_cast<uint16_t>(-1));
    }
  }

  /// What is known of the tile lies within this.
  Bounds known_in_tile() const
  {
    const Bounds & known = jumps_.known();
    return {greater(tile_.top, known.top), greater(tile_.left, known.left),
      smaller(tile_.bottom, known.bottom), smaller(tile_.right, known.right)};
  }

  FOCUS_STACKING_INLINE void decide_pixel(int v, int u, const uint16_t * sums)
  {
    const size_t at = static_cast<size_t>(v) * width_ + u;
    float unlike[2];
    bool told = true;
    for (int side = 0; side < 2; ++side) {
      int totals[4] = {};
      for (int c = 0; c < 4; ++c) {
        const uint16_t * sum = sums + static_cast<size_t>(4 * side + c) * width_;
        for (int k = 0; k <= 2 * job_.colours; ++k) {
          totals[c] += sum[beside_[u + k]];
        }
      }
      told = told && totals[0] > 0;
      unlike[side] = job_.least_unlike;
      for (int c = 0; c < 3; ++c) {
        unlike[side] += squared(static_cast<float>(colours_[around_.size() * c + at]) -
          static_cast<float>(totals[c + 1]) / static_cast<float>(greater(totals[0], 1)));
      }
    }
    const bool near_there = flooded_[at] == kLine ? unlike[0] < unlike[1] : flooded_[at] == kNear;
    bool near = sides_[at] == kNear;
    if (near) {
      near = !(told && !near_there && unlike[0] > job_.clearer * unlike[1]);
    } else {
      near = told && near_there && unlike[1] > job_.clearer * unlike[0];
    }
    take_nearest(v, u, near ? kNear : kFar);
  }

  /// Puts what is sure of its side into a plane with a margin.
  FOCUS_STACKING_INLINE void find_sure()
  {
    const int margin = job_.margin;
    stride_ = width_ + 2 * margin;
    sure_.assign(static_cast<size_t>(around_.height() + 2 * margin) * stride_, kNeither);
    for (int v = 0; v < around_.height(); ++v) {
      const size_t at = static_cast<size_t>(v) * width_;
      uint8_t * to = sure_.data() + static_cast<size_t>(v + margin) * stride_ + margin;
      for (int u = 0; u < width_; ++u) {
        to[u] = open_[at + u] ? static_cast<uint8_t>(kNeither) : sides_[at + u];
      }
    }
    if (offsets_.empty()) {
      for (int y = -margin; y <= margin; ++y) {
        for (int x = -margin; x <= margin; ++x) {
          if (y * y + x * x <= margin * margin) {
            offsets_.push_back({y * y + x * x, y, x});
          }
        }
      }
      std::stable_sort(offsets_.begin(), offsets_.end(), [](const Offset & a, const Offset & b) {
          return a.square < b.square;
        });
    }
    places_.clear();
    for (const Offset & each : offsets_) {
      places_.push_back(each.down * stride_ + each.across);
    }
  }

  FOCUS_STACKING_INLINE void take_nearest(int v, int u, uint8_t side)
  {
    const int margin = job_.margin;
    const uint8_t * here = sure_.data() + static_cast<size_t>(v + margin) * stride_ + u + margin;
    for (size_t k = 0; k < places_.size(); ++k) {
      if (here[places_[k]] == side) {
        const Offset & each = offsets_[k];
        const int row = around_.top + v, column = around_.left + u;
        job_.result[static_cast<size_t>(row) * job_.columns + column] =
          *jumps_.index(row + each.down, column + each.across);
        return;
      }
    }
  }

  /// Tells what is known of the tile.
  FOCUS_STACKING_INLINE void mark()
  {
    const Bounds some = known_in_tile();
    for (int v = some.top; v < some.bottom; ++v) {
      for (int u = some.left; u < some.right; ++u) {
        job_.known[static_cast<size_t>(v) * job_.columns + u] = jumps_.is_known(v, u);
      }
    }
  }

  struct Offset
  {
    int square, down, across;
  };

  const RimJob & job_;
  const Bounds tile_, outer_;
  Jumps jumps_;
  Bounds around_{};  // what decides where the jumps are known
  int width_ = 0, stride_ = 0;
  std::vector<int> beside_;  // columns of a row and of what goes on mirrored beside it
  std::vector<uint8_t> sides_, open_, colours_, sure_;  // of around_
  std::vector<int8_t> flooded_;
  std::vector<Offset> offsets_;
  std::vector<int32_t> places_;  // of them in sure_
};

FOCUS_STACKING_CLONES
void locate(const RimJob & job, int top, int left)
{
  RimTile(job, {top, left, smaller(top + job.tile, job.rows),
      smaller(left + job.tile, job.columns)}).work();
}

}  // namespace
}  // namespace focus_stacking

int32_t focus_stacking_native_rims(const focus_stacking::RimJob * job)
{
  return focus_stacking::guarded([&] {
    focus_stacking::in_tiles(
      0, job->rows, job->columns, job->tile, job->tile,
      [&](int top, int left, int, int) {focus_stacking::locate(*job, top, left);});
  });
}

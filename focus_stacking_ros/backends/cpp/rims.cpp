// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// The edge of a near surface where the image has it, tile by tile; see `core.depth.rims`.

#include "rims.hpp"

#include "extremes.hpp"
#include "floats.hpp"
#include "parallel.hpp"
#include "watershed.hpp"

#include <algorithm>
#include <vector>

namespace focus_stacking
{
namespace
{

/// Rows and columns of a plane, those after the last not among them.
struct Area
{
  int top, left, bottom, right;

  int height() const {return bottom - top;}
  int width() const {return right - left;}
  bool empty() const {return top >= bottom || left >= right;}
  size_t size() const {return static_cast<size_t>(height()) * width();}
  Area grown(int margin, const Area & within) const
  {
    return {greater(top - margin, within.top), greater(left - margin, within.left),
      smaller(bottom + margin, within.bottom), smaller(right + margin, within.right)};
  }
};

/// The least area that has all of what is not 0 in an area, whose plane it is; empty if nothing is.
FOCUS_STACKING_INLINE Area area_of(const std::vector<uint8_t> & mask, const Area & all)
{
  Area found{all.bottom, all.right, all.top, all.left};
  for (int v = 0; v < all.height(); ++v) {
    const uint8_t * line = mask.data() + static_cast<size_t>(v) * all.width();
    uint8_t any = 0;
    for (int u = 0; u < all.width(); ++u) {
      any = static_cast<uint8_t>(any | line[u]);
    }
    if (!any) {
      continue;
    }
    found.top = smaller(found.top, all.top + v);
    found.bottom = all.top + v + 1;
    int first = 0, last = all.width();
    for (; !line[first]; ++first) {
    }
    for (; !line[last - 1]; --last) {
    }
    found.left = smaller(found.left, all.left + first);
    found.right = greater(found.right, all.left + last);
  }
  return found;
}

enum Side : uint8_t {kNeither = 0, kNear = 1, kFar = 2};

/// A tile with what is around it.
class RimTile
{
public:
  RimTile(const RimJob & job, const Area & tile)
  : job_(job), tile_(tile), outer_(tile.grown(job.margin, {0, 0, job.rows, job.columns})) {}

  FOCUS_STACKING_INLINE void work()
  {
    find_jumps();
    if (jumping_.empty()) {
      return;
    }
    confirm();
    if (known_.empty()) {
      return;
    }
    around_ = known_.grown(job_.margin, outer_);
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
  const float * index(int v, int u) const
  {
    return job_.index + static_cast<size_t>(v) * job_.columns + u;
  }

  /// Finds where the index jumps, and the side of each pixel there.
  FOCUS_STACKING_INLINE void find_jumps()
  {
    const Area all = outer_;
    std::vector<float> low(all.size()), high(all.size());
    window(all, job_.reach, low, high);
    std::vector<uint8_t> steep(all.size());
    for (size_t k = 0; k < steep.size(); ++k) {
      steep[k] = high[k] - low[k] > job_.step;
    }
    jumping_ = area_of(steep, all);
    if (jumping_.empty()) {
      return;
    }
    // Over twice the distance a slope rises twice as far, and a step no farther.
    const Area some = jumping_.grown(job_.reach + job_.reach / 2, all);
    std::vector<float> lower(some.size()), higher(some.size()), sudden(some.size());
    window(some, job_.reach / 2, lower, higher);
    for (int v = 0; v < some.height(); ++v) {
      const size_t at = static_cast<size_t>(v) * some.width();
      const size_t there = static_cast<size_t>(some.top - all.top + v) * all.width() +
        some.left - all.left;
      for (int u = 0; u < some.width(); ++u) {
        sudden[at + u] = 2 * (higher[at + u] - lower[at + u]) - (high[there + u] - low[there + u]);
      }
    }
    extremes(sudden.data(), some.width(), some.height(), some.width(), job_.reach, -INFINITY,
      Greatest(), scratch_, higher.data());
    const Area here = jumping_;
    side_.assign(here.size(), kNeither);
    for (int v = here.top; v < here.bottom; ++v) {
      const size_t in_some = static_cast<size_t>(v - some.top) * some.width() +
        here.left - some.left;
      const size_t in_all = static_cast<size_t>(v - all.top) * all.width() + here.left - all.left;
      const float * __restrict abrupt = higher.data() + in_some, * __restrict value =
        index(v, here.left);
      const float * __restrict least = low.data() + in_all, * __restrict most = high.data() +
        in_all;
      uint8_t * __restrict side = side_.data() + static_cast<size_t>(v - here.top) * here.width();
      for (int u = 0; u < here.width(); ++u) {
        const bool jumps = (abrupt[u] > job_.step) & (most[u] - least[u] > job_.step);
        side[u] = !jumps ? kNeither : value[u] < (least[u] + most[u]) / 2 ? kNear : kFar;
      }
    }
  }

  /// Least and greatest index of windows.
  FOCUS_STACKING_INLINE void window(
    const Area & area, int reach, std::vector<float> & low, std::vector<float> & high)
  {
    extremes(index(area.top, area.left), job_.columns, area.height(), area.width(), reach,
      INFINITY, Least(), scratch_, low.data());
    extremes(index(area.top, area.left), job_.columns, area.height(), area.width(), reach,
      -INFINITY, Greatest(), scratch_, high.data());
  }

  /// Keeps what has confidence on both sides.
  FOCUS_STACKING_INLINE void confirm()
  {
    const Area here = jumping_;
    std::vector<uint8_t> sure(here.size()), seen(here.size());
    mask_.assign(here.size(), 1);
    for (const uint8_t wanted : {kNear, kFar}) {
      for (int v = 0; v < here.height(); ++v) {
        const size_t at = static_cast<size_t>(v) * here.width();
        const float * confidence = job_.confidence +
          static_cast<size_t>(here.top + v) * job_.columns + here.left;
        for (int u = 0; u < here.width(); ++u) {
          sure[at + u] = (side_[at + u] == wanted) & (confidence[u] > job_.sure);
        }
      }
      extremes(sure.data(), here.width(), here.height(), here.width(), job_.confirmed,
        static_cast<uint8_t>(0), Greatest(), bytes_, seen.data());
      for (size_t k = 0; k < seen.size(); ++k) {
        mask_[k] = static_cast<uint8_t>(mask_[k] & seen[k] & (side_[k] != kNeither));
      }
    }
    known_ = area_of(mask_, here);
  }

  /// Side of every pixel around what is known, and which of them may lie on the other side.
  FOCUS_STACKING_INLINE void open()
  {
    sides_.assign(around_.size(), kNeither);
    const Area both{greater(around_.top, jumping_.top), greater(around_.left, jumping_.left),
      smaller(around_.bottom, jumping_.bottom), smaller(around_.right, jumping_.right)};
    for (int v = both.top; v < both.bottom; ++v) {
      std::copy_n(side_.data() + static_cast<size_t>(v - jumping_.top) * jumping_.width() +
        both.left - jumping_.left, both.width(), sides_.data() +
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

  /// Lets the sides that are sure spread over what is open.
  FOCUS_STACKING_INLINE void flood()
  {
    colours_.resize(3 * around_.size());
    flooded_.resize(around_.size());
    for (int v = 0; v < around_.height(); ++v) {
      const size_t at = static_cast<size_t>(v) * width_;
      const size_t from = (static_cast<size_t>(around_.top + v) * job_.columns + around_.left) *
        job_.channels;
      for (int c = 0; c < 3; ++c) {
        uint8_t * to = colours_.data() + around_.size() * c + at;
        const int channel = job_.channels == 1 ? 0 : c;
        for (int u = 0; u < width_; ++u) {
          const size_t k = from + static_cast<size_t>(u) * job_.channels + channel;
          to[u] = job_.wide ? static_cast<uint8_t>(
            static_cast<const uint16_t *>(job_.image)[k] >> 8) :
            static_cast<const uint8_t *>(job_.image)[k];
        }
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
    const Area some = known_in_tile();
    for (int v = 0; v < some.bottom - around_.top; ++v) {
      add(v + reach, 1);
      if (v >= some.top - around_.top) {
        const uint8_t * open = open_.data() + static_cast<size_t>(v) * width_;
        for (int u = some.left - around_.left; u < some.right - around_.left; ++u) {
          if (open[u] && is_known(around_.top + v, around_.left + u)) {
            decide_pixel(v, u, sums.data());
          }
        }
      }
      add(v - reach, static_cast<uint16_t>(-1));
    }
  }

  /// What is known of the tile lies within this.
  Area known_in_tile() const
  {
    return {greater(tile_.top, known_.top), greater(tile_.left, known_.left),
      smaller(tile_.bottom, known_.bottom), smaller(tile_.right, known_.right)};
  }

  bool is_known(int v, int u) const
  {
    return mask_[static_cast<size_t>(v - jumping_.top) * jumping_.width() + u - jumping_.left] != 0;
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
  }

  FOCUS_STACKING_INLINE void take_nearest(int v, int u, uint8_t side)
  {
    const int margin = job_.margin;
    const uint8_t * here = sure_.data() + static_cast<size_t>(v + margin) * stride_ + u + margin;
    for (const Offset & each : offsets_) {
      if (here[static_cast<ptrdiff_t>(each.down) * stride_ + each.across] == side) {
        const int row = around_.top + v, column = around_.left + u;
        job_.result[static_cast<size_t>(row) * job_.columns + column] =
          *index(row + each.down, column + each.across);
        return;
      }
    }
  }

  /// Tells what is known of the tile.
  FOCUS_STACKING_INLINE void mark()
  {
    const Area some = known_in_tile();
    for (int v = some.top; v < some.bottom; ++v) {
      for (int u = some.left; u < some.right; ++u) {
        job_.known[static_cast<size_t>(v) * job_.columns + u] = is_known(v, u);
      }
    }
  }

  struct Offset
  {
    int square, down, across;
  };

  const RimJob & job_;
  const Area tile_, outer_;
  Area jumping_{}, known_{}, around_{};  // with jumps; where both sides are known; what decides it
  int width_ = 0, stride_ = 0;
  std::vector<float> scratch_;
  std::vector<int> beside_;  // columns of a row and of what goes on mirrored beside it
  std::vector<uint8_t> bytes_, side_, mask_;  // the latter two of jumping_
  std::vector<uint8_t> sides_, open_, colours_, sure_;  // of around_
  std::vector<int8_t> flooded_;
  std::vector<Offset> offsets_;
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

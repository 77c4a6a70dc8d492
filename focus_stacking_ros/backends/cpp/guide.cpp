// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// As core/stack/guide_source.py, whose formulas are not explained again.

#include "guide.hpp"

#include "blocks.hpp"
#include "enlarged.hpp"
#include "floats.hpp"
#include "parallel.hpp"

#include <cstring>

namespace focus_stacking
{
namespace
{

constexpr int kTileRows = 32, kTileColumns = 512;

/// Noise of an area, and where its brightness stays what it is.
class Quiet
{
public:
  Quiet(const GuideSource & source, const Area & area)
  : change(area.width), noise(area.width), calm(area.width), source_(source),
    width_(area.width), ranks_(area.width),
    mean_(source.luma, source.rows, source.columns, area.left, area.left + area.width),
    changes_(
      source.change, source.place, source.rows, source.columns, area.left, area.left + area.width,
      area.top, area.top + area.height)
  {}

  FOCUS_STACKING_INLINE void row(int y)
  {
    mean_.row(y, noise.data());
    changes_.row(y, change.data());
    float * __restrict levels = noise.data(), * __restrict quiet = calm.data();
    const float * __restrict changed = change.data();
    const float * noises = source_.noises;
    int32_t * __restrict rank = ranks_.data();
    for (int u = 0; u < width_; ++u) {
      rank[u] = static_cast<int32_t>(limited(levels[u], 0.0f, 255.0f));
    }
    for (int u = 0; u < width_; ++u) {
      levels[u] = noises[rank[u]];
    }
    const float least = source_.calm[0], of_noise = source_.calm[1];
    for (int u = 0; u < width_; ++u) {
      // A root of what is nearly 0 is taken later: the square has all that floats hold of it.
      quiet[u] = squared(exponential(-0.5f * squared(changed[u] / (least + of_noise * levels[u]))));
    }
  }

  std::vector<float> change, noise, calm;  // of the row

private:
  const GuideSource & source_;
  const int width_;
  std::vector<int32_t> ranks_;  // of the brightness
  DoubledMean mean_;
  EnlargedThere changes_;
};

/// What is between 0 and 1 of a value by what is subtracted and multiplied.
FOCUS_STACKING_INLINE float part_of(float value, const float * rule)
{
  return limited((value - rule[0]) * rule[1], 0.0f, 1.0f);
}

}  // namespace

FOCUS_STACKING_CLONES
void make_guide(const GuideSource & source, const Area & area, const GuideTarget & planes)
{
  const int rows = source.rows, columns = source.columns, first = area.left;
  const int last = first + area.width, width = area.width;
  Quiet quiet(source, area);
  Doubled<float, float> index(source.index, rows, columns, first, last);
  Doubled<float, float> continuity(source.continuity, rows, columns, first, last);
  Doubled<float, float> confidence(source.confidence, rows, columns, first, last);
  Doubled<uint8_t, uint16_t> sharpest(source.sharpest, rows, columns, first, last);
  Doubled<uint8_t, uint16_t> missed(
    source.missed ? source.missed : source.sharpest, rows, columns, first, last);
  Enlarged raised(
    source.raised, blocks_of(rows), blocks_of(columns), rows, columns, first,
    source.raised ? last : first);
  std::vector<float> smoothness(width), sureness(width), factor(width, 1.0f);
  for (int v = 0; v < area.height; ++v) {
    const int y = area.top + v;
    const ptrdiff_t at = v * planes.stride;
    quiet.row(y);
    index.row(y, planes.index + at);
    sharpest.row(y, planes.sharpest + at);
    if (source.missed) {
      missed.row(y, planes.missed + at);
    } else {
      std::fill_n(planes.missed + at, width, static_cast<uint8_t>(source.most_missed));
    }
    continuity.row(y, smoothness.data());
    confidence.row(y, sureness.data());
    if (source.raised) {
      raised.row(y, factor.data());
    }
    if (source.narrow) {
      const uint8_t * blocks =
        source.narrow + static_cast<ptrdiff_t>(y / kBlockSide) * blocks_of(columns);
      for (int u = 0; u < width; ++u) {
        planes.narrow[at + u] = blocks[(first + u) / kBlockSide];
      }
    } else {
      std::memset(planes.narrow + at, 0, width);
    }
    float * __restrict trust = planes.trust + at, * __restrict noise = planes.noise + at;
    float * __restrict widest = planes.widest + at;
    const float * __restrict smooth = smoothness.data(), * __restrict sure = sureness.data();
    const float * __restrict change = quiet.change.data(), * __restrict calm = quiet.calm.data();
    const float * __restrict level = quiet.noise.data(), * __restrict more = factor.data();
    const float gate = source.gate, wider = source.more;
    const float glowing[] = {source.glowing[0], source.glowing[1]};
    const float smooths[] = {source.smooth[0], source.smooth[1]};
    const float sures[] = {source.sure[0], source.sure[1]};
    for (int u = 0; u < width; ++u) {
      const float glow = limited(change[u] * glowing[0] - glowing[1], 0.0f, 1.0f);
      trust[u] = most(part_of(sure[u], sures), part_of(smooth[u] * glow, smooths));
      noise[u] = level[u] * more[u];
      widest[u] = gate * (1.0f + wider * calm[u]);
    }
  }
}

namespace
{

FOCUS_STACKING_CLONES
void make_rows(
  const GuideSource & source, const Area & area, uint8_t * sharpest, float * noise, float * calm)
{
  const int last = area.left + area.width;
  Quiet quiet(source, area);
  Doubled<uint8_t, uint16_t> doubled(
    source.sharpest, source.rows, source.columns, area.left, last);
  for (int v = 0; v < area.height; ++v) {
    const ptrdiff_t at = static_cast<ptrdiff_t>(v) * source.columns;
    quiet.row(area.top + v);
    if (sharpest) {
      doubled.row(area.top + v, sharpest + at);
    }
    if (noise) {
      std::copy_n(quiet.noise.data(), area.width, noise + at);
    }
    if (calm) {
      std::copy_n(quiet.calm.data(), area.width, calm + at);
    }
  }
}

}  // namespace
}  // namespace focus_stacking

int32_t focus_stacking_native_guide_rows(
  const focus_stacking::GuideSource * source, int32_t first, int32_t last, uint8_t * sharpest,
  float * noise, float * calm)
{
  using namespace focus_stacking;
  return guarded([&] {
    in_tiles(
      first, last, source->columns, kTileRows, kTileColumns,
      [&](int top, int left, int height, int width) {
        const ptrdiff_t at = static_cast<ptrdiff_t>(top - first) * source->columns + left;
        make_rows(
          *source, {top, left, height, width}, sharpest ? sharpest + at : nullptr,
          noise ? noise + at : nullptr, calm ? calm + at : nullptr);
      });
  });
}

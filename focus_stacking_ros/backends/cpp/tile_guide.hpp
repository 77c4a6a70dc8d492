// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// What decides the weights in a tile, as it is passed or made from planes of less size.

#ifndef FOCUS_STACKING_TILE_GUIDE_HPP
#define FOCUS_STACKING_TILE_GUIDE_HPP

#include "fuse.hpp"

#include <memory>

namespace focus_stacking
{

/// The planes that decide the weights in a tile.
class TileGuide
{
public:
  TileGuide(const Job & job, const Tile & tile)
  {
    if (!job.source) {
      const size_t at = static_cast<size_t>(tile.top) * tile.columns + tile.left;
      planes_ = {job.index + at, job.trust + at, job.noise + at, job.widest + at,
        job.sharpest + at, job.missed + at, job.narrow + at, tile.columns};
      return;
    }
    const size_t pixels = static_cast<size_t>(tile.height) * tile.width;
    floats_.reset(new float[4 * pixels]);
    bytes_.reset(new uint8_t[3 * pixels]);
    float * const floats = floats_.get();
    const GuideTarget to{floats, floats + pixels, floats + 2 * pixels, floats + 3 * pixels,
      bytes_.get(), bytes_.get() + pixels, bytes_.get() + 2 * pixels, tile.width};
    make_guide(*job.source, {tile.top, tile.left, tile.height, tile.width}, to);
    planes_ = {
      to.index, to.trust, to.noise, to.widest, to.sharpest, to.missed, to.narrow, to.stride};
  }

  const GuidePlanes & planes() const {return planes_;}

private:
  std::unique_ptr<float[]> floats_;
  std::unique_ptr<uint8_t[]> bytes_;
  GuidePlanes planes_;
};

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_TILE_GUIDE_HPP

// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0

#include "tile.hpp"

namespace focus_stacking
{

FOCUS_STACKING_CLONES
void look(WeightedTile & tile)
{
  tile.look();
}

FOCUS_STACKING_CLONES
void decide(WeightedTile & tile, int row, int begin)
{
  tile.decide(row, begin);
}

}  // namespace focus_stacking

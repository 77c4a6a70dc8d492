// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Motions between slices: core/align/motion.py.

#ifndef FOCUS_STACKING_MOTION_HPP
#define FOCUS_STACKING_MOTION_HPP

#include <array>

namespace focus_stacking
{

enum Motion {kTranslation, kRigid, kScale, kSimilarity, kAffine, kProjective};
constexpr int kParameters[] = {2, 3, 3, 4, 6, 8};
using Transform = std::array<double, 9>;

/// The transform that applies both, the second one first; its last element is 1.
Transform joined(const Transform & a, const Transform & b);

/// The identity and a small change of it: parameters in pixels at `unit` pixels from the centre.
Transform small_change(Motion motion, const double * p, double x, double y, double unit);

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_MOTION_HPP

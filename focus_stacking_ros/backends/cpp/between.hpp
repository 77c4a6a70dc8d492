// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Bilinear interpolation of bytes along a part of a row, by what the processor has.

#ifndef FOCUS_STACKING_BETWEEN_HPP
#define FOCUS_STACKING_BETWEEN_HPP

#include "line.hpp"

namespace focus_stacking
{

/// Pixels that are interpolated at once: what is written has room for `count` rounded up to that.
constexpr int kBetweenAtOnce = 16;

/// Writes what a plane of 2x2 pixels and more has at the pixels of a line: (t + 512) >> 10 with t
/// as in SPECIFICATION.md, 'Align'.
typedef void (* Between)(const uint8_t * plane, const Line & line, int count, uint8_t * to);

/// The fastest one of this processor.
Between fastest_between();

/// The same of several lines; rows of what is written are `stride` pixels apart. `soon`: what is
/// needed then.
typedef void (* BetweenLines)(
  const uint8_t * plane, const LineBlock & lines, int count, uint8_t * to, int stride,
  const Soon & soon);

/// The fastest one of this processor; null where each line by itself is as fast.
BetweenLines fastest_between_lines();

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_BETWEEN_HPP

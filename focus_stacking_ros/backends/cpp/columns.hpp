// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Weighted sums of four rows of bytes, of which wide registers take many at once.

#ifndef FOCUS_STACKING_COLUMNS_HPP
#define FOCUS_STACKING_COLUMNS_HPP

#include "native.hpp"

namespace focus_stacking
{

/// Values are summed up by so many: rows and sums have room for `count` rounded up to that.
constexpr int kColumnsAtOnce = 8;

typedef void (* SumColumns)(
  const uint8_t * const * rows, const int32_t * weights, int count, double * sums);

/// The fastest function on this processor that sums up products of less than 2^29.
SumColumns fastest_column_sums();

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_COLUMNS_HPP

// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Tables of 256 bytes, of which processors with wide shuffles take many values at once.

#ifndef FOCUS_STACKING_LOOKUP_HPP
#define FOCUS_STACKING_LOOKUP_HPP

#include "native.hpp"

namespace focus_stacking
{

/// A table, and what shuffles of 16 bytes need of it.
struct LookupTable
{
  explicit LookupTable(const uint8_t * table);

  uint8_t values[256];
  uint8_t first, last;  // up to the first and from the last on it does not change
  // Of every 16 values from those of `first` on what differs from the 16 before, as exclusive or;
  // the first and the ninth 16 as they are.
  uint8_t changes[256];
};

typedef void (* Lookup)(const LookupTable & table, const uint8_t * from, int count, uint8_t * to);

/// The fastest function on this processor that replaces bytes by those of a table; `from` may be
/// `to`.
Lookup fastest_lookup();

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_LOOKUP_HPP

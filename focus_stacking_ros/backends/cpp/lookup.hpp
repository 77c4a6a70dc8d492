// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Tables of 256 bytes, of which processors with wide shuffles take many values at once.

#ifndef FOCUS_STACKING_LOOKUP_HPP
#define FOCUS_STACKING_LOOKUP_HPP

#include "native.hpp"

namespace focus_stacking
{

typedef void (* Lookup)(const uint8_t * table, const uint8_t * from, int count, uint8_t * to);

/// The fastest function on this processor that replaces bytes by those of a table; `from` may be
/// `to`.
Lookup fastest_lookup();

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_LOOKUP_HPP

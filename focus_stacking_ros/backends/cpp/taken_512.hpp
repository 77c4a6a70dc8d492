// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0

#ifndef FOCUS_STACKING_TAKEN_512_HPP
#define FOCUS_STACKING_TAKEN_512_HPP

#include "taken_bytes.hpp"

namespace focus_stacking
{

/// The same as `fastest_taking` with registers of 512 bits; null where the processor has none.
TakeBytes widest_taking(int channels);

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_TAKEN_512_HPP

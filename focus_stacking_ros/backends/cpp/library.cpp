// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// What the library says of itself.

#include "native.hpp"

#ifndef FOCUS_STACKING_BUILD
#define FOCUS_STACKING_BUILD "unknown"
#endif

const char * focus_stacking_native_build() {return FOCUS_STACKING_BUILD;}

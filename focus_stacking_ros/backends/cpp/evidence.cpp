// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Peaks that tell a depth: `evidence_of` in core/depth/clues.py.

#include "depth.hpp"
#include "floats.hpp"
#include "parallel.hpp"
#include "windows.hpp"

namespace focus_stacking
{

/// Whether a pixel's own focus curve tells, at any window.
FOCUS_STACKING_CLONES
void evidence_of(const Evidence & job, size_t first, size_t last)
{
  float * __restrict evidence = job.evidence;
  for (size_t k = first; k < last; ++k) {
    evidence[k] = 0;
  }
  const float steepness = 1.0f / job.telling_range;
  const float telling = job.telling, weighty = job.weighty;
  for (int n = 0; n < job.layers; ++n) {
    const float * __restrict weights = job.weights[n];
    const float * __restrict significances = job.significances[n];
    for (size_t k = first; k < last; ++k) {
      const float here = weights[k] / (weights[k] + weighty) *
        logistic((significances[k] - telling) * steepness);
      evidence[k] = most(evidence[k], here);
    }
  }
}

}  // namespace focus_stacking

int32_t focus_stacking_native_evidence(const focus_stacking::Evidence * evidence)
{
  return focus_stacking::guarded([&] {
    focus_stacking::in_bands(evidence->rows, focus_stacking::kBandRows,
      [&](int, int first, int last) {
        focus_stacking::evidence_of(*evidence, static_cast<size_t>(first) * evidence->columns,
        static_cast<size_t>(last) * evidence->columns);
      });
  });
}

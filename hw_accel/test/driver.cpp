// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
// Runs the kernel on what comes from standard input, until that ends: for builds that Python cannot
// load, with sanitizers or for another processor.
//
// In: 4 sizes in bytes (int64, of source, response, state_in, state_out), 25 scalars (int32), then
// source, state_in, state_out. Out: response, state_out.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ap_int.h>

extern "C" void focus_stacking_accel(
  const ap_uint<128> *, ap_uint<128> *, const ap_uint<128> *, ap_uint<128> *, int, int, int, int,
  int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int,
  int, int);

static bool read_all(void * target, size_t size)
{
  return size == 0 || fread(target, size, 1, stdin) == 1;
}

int main()
{
  int64_t sizes[4];
  int32_t s[25];
  while (read_all(sizes, sizeof(sizes))) {
    void * memory[4];
    for (int i = 0; i < 4; ++i) {
      // Exactly as large as said, so that a sanitizer sees every access beyond it.
      memory[i] = aligned_alloc(16, static_cast<size_t>(sizes[i]));
      memset(memory[i], 0x5a, static_cast<size_t>(sizes[i]));
    }
    if (!read_all(s, sizeof(s)) || !read_all(memory[0], static_cast<size_t>(sizes[0])) ||
      !read_all(memory[2], static_cast<size_t>(sizes[2])) ||
      !read_all(memory[3], static_cast<size_t>(sizes[3])))
    {
      return 1;
    }
    ap_uint<128> * beats[4];
    for (int i = 0; i < 4; ++i) {
      beats[i] = static_cast<ap_uint<128> *>(memory[i]);
    }
    focus_stacking_accel(
      beats[0], beats[1], beats[2], beats[3], s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7],
      s[8], s[9], s[10], s[11], s[12], s[13], s[14], s[15], s[16], s[17], s[18], s[19], s[20],
      s[21], s[22], s[23], s[24]);
    for (int i = 1; i < 4; i += 2) {
      if (sizes[i] > 0 && fwrite(memory[i], static_cast<size_t>(sizes[i]), 1, stdout) != 1) {
        return 1;
      }
    }
    fflush(stdout);
    for (int i = 0; i < 4; ++i) {
      free(memory[i]);
    }
  }
  return 0;
}

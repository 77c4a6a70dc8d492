// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// The per-slice work of SPECIFICATION.md on the CPU. The host (backends/native.py) checks arrays,
// cuts the work into bands and calls from several threads; every array is row-major without gaps.
// Functions return 0, or 1 where there is no memory.

#ifndef FOCUS_STACKING_NATIVE_HPP
#define FOCUS_STACKING_NATIVE_HPP

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the native library reads two neighbouring pixels at once, the first one from the low byte"
#endif

#include <cstddef>
#include <cstdint>

// A function compiled for several processors, of which the loader takes one. Everything it calls
// in its loops is FOCUS_STACKING_INLINE, so that it is compiled for the same processor. Clang
// leaves out the templates that only such functions use.
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && \
  !defined(FOCUS_STACKING_NO_CLONES) && !defined(__clang__)
#define FOCUS_STACKING_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define FOCUS_STACKING_CLONES
#endif
#define FOCUS_STACKING_INLINE inline __attribute__((always_inline))

// Before a loop whose rounds do not depend on each other, wherever they read and write.
#if defined(__clang__)
#define FOCUS_STACKING_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define FOCUS_STACKING_INDEPENDENT _Pragma("GCC ivdep")
#endif

namespace focus_stacking
{

/// Greatest response, in 1/16 grey level.
constexpr int kResponseLimit = 16383;

FOCUS_STACKING_INLINE int smaller(int a, int b) {return a < b ? a : b;}
FOCUS_STACKING_INLINE int greater(int a, int b) {return a > b ? a : b;}

/// Index of a line of `size` pixels that goes on mirrored without repeating its edge.
FOCUS_STACKING_INLINE int mirrored(int index, int size)
{
  if (size == 1) {
    return 0;
  }
  const int period = 2 * size - 2;
  index = (index % period + period) % period;
  return index < size ? index : period - index;
}

/// Index of a line of `size` pixels that goes on mirrored with its edge repeated.
FOCUS_STACKING_INLINE int reflected(int index, int size)
{
  const int period = 2 * size;
  index = (index % period + period) % period;
  return index < size ? index : period - 1 - index;
}

/// Asks for memory that is read soon: of so many slices side by side no processor guesses it.
FOCUS_STACKING_INLINE void fetch_ahead(const void * begin, size_t bytes)
{
  constexpr uintptr_t kLine = 64;
  const uintptr_t end = reinterpret_cast<uintptr_t>(begin) + bytes;
  for (uintptr_t at = reinterpret_cast<uintptr_t>(begin) & ~(kLine - 1); at < end; at += kLine) {
    __builtin_prefetch(reinterpret_cast<const void *>(at));
  }
}

/// Rows of memory that are read soon; asked for a few at a time, as a processor waits for no more
/// than some lines at once.
struct Soon
{
  const uint8_t * first;
  size_t stride, bytes;  // from row to row, and of each
  int rows;

  /// Asks for every `step`-th row from `from` on.
  FOCUS_STACKING_INLINE void fetch(int from, int step) const
  {
    for (int row = from; row < rows; row += step) {
      fetch_ahead(first + stride * row, bytes);
    }
  }
};

/// First and last + 1 of the positions, which rise or fall steadily, that lie within 0 to `end`.
template<typename Position>
FOCUS_STACKING_INLINE void narrow(Position position, int32_t end, int & first, int & last)
{
  while (first < last && (position(first) < 0 || position(first) > end)) {
    ++first;
  }
  while (first < last && (position(last - 1) < 0 || position(last - 1) > end)) {
    --last;
  }
}

/// Runs what may be without memory.
template<typename Work>
int32_t guarded(Work work)
{
  try {
    work();
    return 0;
  } catch (...) {
    return 1;
  }
}

}  // namespace focus_stacking

#pragma GCC visibility push(default)
extern "C" {

/// What the library was built from; `backends/native_build.py` says what that is.
const char * focus_stacking_native_build();

/// Rows `first` to `last` of the half-size response, from luma: ring differences, or the modified
/// Laplacian where `cross` is not 0.
int32_t focus_stacking_native_differences(
  const int16_t * luma, int32_t rows, int32_t columns, int32_t cross, int32_t first, int32_t last,
  int16_t * response);

/// The same of the norm of the Laplacian of Gaussian. `wide`: uint16, else uint8; 1 or 3 channels;
/// `quadrant`: coefficients of the offsets 0 to 3, (4, 4), which are the same in all directions.
int32_t focus_stacking_native_log_norm(
  const void * image, int32_t rows, int32_t columns, int32_t channels, int32_t wide,
  const int32_t * quadrant, int32_t first, int32_t last, int16_t * response);

/// Rows of a response of 2x2 pixels and more in another grid. The tables are those of
/// `core.fixed_map.MapTables`: x is that of the column plus that of the row; where `separable` is
/// not 0, rows_x and columns_y have one entry.
int32_t focus_stacking_native_align(
  const int16_t * response, int32_t rows, int32_t columns, const int32_t * columns_x,
  const int32_t * rows_x, const int32_t * columns_y, const int32_t * rows_y, int32_t separable,
  int32_t gain, int32_t first, int32_t last, int16_t * result);

/// Rows of the state, updated with slice `number`.
int32_t focus_stacking_native_accumulate(
  const int16_t * response, int32_t rows, int32_t columns, int32_t window, int32_t number,
  int32_t first, int32_t last, int16_t * best, int16_t * left, int16_t * right,
  int16_t * previous, int16_t * detail, uint8_t * index, uint8_t * count, int32_t * total);

}
#pragma GCC visibility pop

#endif  // FOCUS_STACKING_NATIVE_HPP

// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Threads that stay: starting some for every call costs more than many calls do.

#ifndef FOCUS_STACKING_PARALLEL_HPP
#define FOCUS_STACKING_PARALLEL_HPP

#include <cstdint>

namespace focus_stacking
{

/// Calls `task(context, number)` for the numbers from 0 to `count` - 1, several at a time, this
/// thread among those who do; returns when all have ended. What a task throws is thrown again,
/// when the others have ended. Several threads may call at once, tasks too.
void run_tasks(int count, void (* task)(void *, int), void * context);

/// How many threads run tasks at most, this one included.
int task_threads();

/// Runs `work(number, first, last)` on bands of `rows` that have `height` rows, the last one less.
/// Bands do not depend on the number of threads: sums of each, added up by number, do not either.
/// Where little is to be done this thread is to do it alone, `shared` is false: waking another one
/// takes longer.
template<typename Work>
void in_bands(int rows, int height, Work && work, bool shared = true)
{
  struct Bands
  {
    Work & work;
    int rows;
    int height;
  } bands{work, rows, height < 1 ? 1 : height};
  const auto task = [](void * context, int number) {
      Bands & all = *static_cast<Bands *>(context);
      const int first = number * all.height;
      const int last = all.rows - first < all.height ? all.rows : first + all.height;
      all.work(number, first, last);
    };
  const int count = (rows + bands.height - 1) / bands.height;
  if (shared) {
    run_tasks(count, task, &bands);
    return;
  }
  for (int number = 0; number < count; ++number) {
    task(&bands, number);
  }
}

/// Calls `work(top, left, height, width)` for every tile of rows `first` to `last`, several at the
/// same time; those at the ends are smaller.
template<typename Work>
void in_tiles(int first, int last, int columns, int tile_rows, int tile_columns, Work && work)
{
  const int across = (columns + tile_columns - 1) / tile_columns;
  const int down = (last - first + tile_rows - 1) / tile_rows;
  in_bands(across * down, 1, [&](int number, int, int) {
    const int top = first + number / across * tile_rows, left = number % across * tile_columns;
    const int height = last - top < tile_rows ? last - top : tile_rows;
    work(top, left, height, columns - left < tile_columns ? columns - left : tile_columns);
  });
}

}  // namespace focus_stacking

#pragma GCC visibility push(default)
extern "C" {

/// Sets how many threads run tasks, 0 for as many as this process may use processors; returns how
/// many they were. Nothing else may be running.
int32_t focus_stacking_native_set_threads(int32_t count);

}  // extern "C"
#pragma GCC visibility pop

#endif  // FOCUS_STACKING_PARALLEL_HPP

// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// The threads of the native library: every band once, several callers, exceptions, forks.

#include "parallel.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <vector>

namespace
{

void require(bool is_so, const char * what)
{
  if (!is_so) {
    std::fprintf(stderr, "%s\n", what);
    std::exit(1);
  }
}

/// Every row of every band once, in bands of the given height.
void cover(int rows, int height)
{
  std::vector<int> seen(rows, 0);
  std::vector<int> bands((rows + height - 1) / height, 0);
  focus_stacking::in_bands(
    rows, height, [&](int number, int first, int last) {
      ++bands[number];
      require(first == number * height && last - first <= height, "a band lies elsewhere");
      for (int row = first; row < last; ++row) {
        ++seen[row];
      }
    });
  require(std::accumulate(seen.begin(), seen.end(), 0) == rows, "rows are missing");
  for (int count : bands) {
    require(count == 1, "a band was not worked on once");
  }
}

void nested()
{
  std::atomic<int> sum{0};
  focus_stacking::in_bands(
    8, 1, [&](int, int, int) {
      focus_stacking::in_bands(8, 1, [&](int, int, int) {++sum;});
    });
  require(sum == 64, "tasks of tasks are missing");
}

void throwing()
{
  std::atomic<int> ended{0};
  bool thrown = false;
  try {
    focus_stacking::in_bands(
      16, 1, [&](int number, int, int) {
        ++ended;
        if (number == 3) {
          throw std::runtime_error("no");
        }
      });
  } catch (const std::runtime_error &) {
    thrown = true;
  }
  require(thrown && ended == 16, "an exception is lost, or ends others");
}

void forked()
{
  const pid_t child = fork();
  if (child == 0) {
    cover(100, 3);
    _exit(0);
  }
  int status = 1;
  waitpid(child, &status, 0);
  require(status == 0, "a forked process has no threads");
}

}  // namespace

int main(int count, char **)
{
  for (int threads : {1, 2, 7, 3, 0}) {
    focus_stacking_native_set_threads(threads);
    require(threads == 0 || focus_stacking::task_threads() == threads, "threads are not set");
    for (int height : {1, 3, 1000}) {
      cover(101, height);
    }
    nested();
    throwing();
    std::vector<std::thread> callers;
    for (int caller = 0; caller < 4; ++caller) {
      callers.emplace_back([] {
          for (int round = 0; round < 200; ++round) {
            cover(37, 2);
          }
        });
    }
    for (std::thread & caller : callers) {
      caller.join();
    }
  }
  if (count == 1) {  // sanitizers of threads take no fork with threads
    forked();
  }
  std::puts("done");
  return 0;
}

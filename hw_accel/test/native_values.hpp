// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// The same numbers on every processor, and checksums of what is made of them.

#ifndef NATIVE_VALUES_HPP
#define NATIVE_VALUES_HPP

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <type_traits>
#include <vector>

inline uint32_t random_seed = 1;

inline int random_below(int end)
{
  random_seed = random_seed * 1664525u + 1013904223u;
  return static_cast<int>(
    (static_cast<uint64_t>(random_seed) * static_cast<uint32_t>(end)) >> 32);
}

template<typename Value>
std::vector<Value> random_values(size_t count, int end)
{
  std::vector<Value> values(count);
  for (Value & value : values) {
    value = static_cast<Value>(random_below(end));
  }
  return values;
}

inline std::vector<float> random_floats(size_t count, float low, float high)
{
  std::vector<float> values(count);
  for (float & value : values) {
    value = low + (high - low) * (static_cast<float>(random_below(1 << 20)) / (1 << 20));
  }
  return values;
}

template<typename Value>
uint64_t checksum(const std::vector<Value> & values)
{
  uint64_t sum = 1469598103934665603u;
  for (Value value : values) {
    uint64_t bits = 0;
    if (std::is_integral<Value>::value) {
      bits = static_cast<uint64_t>(static_cast<int64_t>(value));
    } else {
      std::memcpy(&bits, &value, sizeof value);
    }
    sum = (sum ^ bits) * 1099511628211u;
  }
  return sum;
}

template<typename Value>
void print(const char * what, int rows, int columns, const std::vector<Value> & values)
{
  std::printf("%s %dx%d %016llx\n", what, columns, rows,
    static_cast<unsigned long long>(checksum(values)));  // NOLINT
}

inline void require(int32_t status)
{
  if (status != 0) {
    std::puts("no memory");
    std::exit(1);
  }
}

/// What the depth is made of, see depth_driver.cpp.
void depth(int rows, int columns, int count);
/// How two slices are compared, see comparison_driver.cpp.
void compare(int rows, int columns);

/// What follows the fusion, see fusion_driver.cpp.
void after_fusion(int rows, int columns);

/// Pixels of a part of a slice by what the processor has, see taking_driver.cpp.
void taking(int rows, int columns);

/// Pyramids and their registration, see registration_driver.cpp.
void registration(int rows, int columns);

#endif  // NATIVE_VALUES_HPP

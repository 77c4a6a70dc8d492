// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
// Runs the modules as Verilator has translated them, with streams that stall at random. Per run it
// reads a header, the source and, but for measure, the state; it writes the number of cycles from
// the start to the last result as int64, and the results.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <random>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "Vaccumulate.h"
#include "Vblend.h"
#include "Vmeasure.h"

namespace
{

typedef std::vector<uint8_t> Bytes;
enum Operation {kMeasure = 1, kAccumulate = 3, kBlend = 4};  // fuse, but for its interpolation

struct Header
{
  int32_t operation, rows, columns, window, slice;
  int32_t stalls, seed;  // how often a stream waits, in 1/256, and when
  int32_t power, narrow, is_first, is_last, gains[3];
};

bool read_all(void * target, size_t size)
{
  return size == 0 || fread(target, size, 1, stdin) == 1;
}

template<class Module>
void tick(Module & module)
{
  module.clock = 1;
  module.eval();
  module.clock = 0;
  module.eval();
}

template<class Module>
void reset(Module & module)
{
  module.clock = 0;
  module.reset = 1;
  module.eval();
  tick(module);
  module.reset = 0;
}

template<class Module>
class Run
{
  static constexpr bool kBlends = std::is_same<Module, Vblend>::value;
  static constexpr bool kHasState = !std::is_same<Module, Vmeasure>::value;

public:
  static constexpr size_t kResult = kHasState ? 16 : 2;  // bytes
  static constexpr size_t kSource = kBlends ? 16 : 2;
  Run(Module & module, const Header & header)
  : m_(module), header_(header), engine_(static_cast<uint32_t>(header.seed)) {}

  int64_t operator()(const Bytes & source, const Bytes & state, Bytes & results)
  {
    m_.source_valid = 0;
    m_.result_ready = 0;
    if constexpr (kHasState) {
      m_.slice = static_cast<uint8_t>(header_.slice);
      m_.state_in_valid = 0;
    }
    begin();
    const size_t count = results.size() / kResult;
    const size_t pixels = source.size() / kSource;
    const int64_t limit = 1000 + 64 * static_cast<int64_t>(pixels + 8192);
    size_t given = 0, records = 0, taken = 0;
    int64_t cycles = 0;
    uint8_t held[kResult];
    bool holds = false;
    // Some cycles more, in which nothing may be asked for or come.
    for (int64_t after = 0; after < 64; after += taken == count) {
      if (++cycles > limit) {
        throw std::runtime_error("it has stopped");
      }
      // What is offered stays until it is taken.
      m_.source_valid = m_.source_valid || (given < pixels && goes());
      memcpy(&m_.source, &source[given < pixels ? given * kSource : 0], kSource);
      if constexpr (kHasState) {
        m_.state_in_valid = m_.state_in_valid || (records < count && goes());
        memcpy(&m_.state_in, &state[records < count ? records * kResult : 0], kResult);
      }
      m_.result_ready = goes();
      m_.eval();
      const bool gives = m_.source_valid && m_.source_ready;
      bool gives_record = false;
      if constexpr (kHasState) {
        gives_record = m_.state_in_valid && m_.state_in_ready;
      }
      if (holds && (!m_.result_valid || memcmp(held, &m_.result, kResult) != 0)) {
        throw std::runtime_error("a result has changed before it was taken");
      }
      holds = m_.result_valid && !m_.result_ready;
      memcpy(held, &m_.result, kResult);
      if (m_.result_valid && m_.result_ready) {
        if (taken == count) {
          throw std::runtime_error("there are more results than pixels");
        }
        memcpy(&results[taken++ * kResult], held, kResult);
        last_ = cycles;
      }
      tick(m_);
      given += gives;
      m_.source_valid = m_.source_valid && !gives;
      if constexpr (kHasState) {
        records += gives_record;
        m_.state_in_valid = m_.state_in_valid && !gives_record;
      }
    }
    if (given != pixels || is_busy() || (kHasState && records != count)) {
      throw std::runtime_error("it has not taken all of its input");
    }
    return last_;
  }

private:
  void begin()
  {
    if constexpr (kBlends) {
      m_.power = static_cast<uint16_t>(header_.power);
      m_.narrow = header_.narrow != 0;
      m_.is_first = header_.is_first != 0;
      m_.is_last = header_.is_last != 0;
      m_.gains = static_cast<uint64_t>(header_.gains[0]) |
        static_cast<uint64_t>(header_.gains[1]) << 17 |
        static_cast<uint64_t>(header_.gains[2]) << 34;
    } else {
      m_.rows = static_cast<uint16_t>(header_.rows);
      m_.columns = static_cast<uint16_t>(header_.columns);
      if constexpr (kHasState) {
        m_.window = static_cast<uint8_t>(header_.window);
      }
      m_.start = 1;
      tick(m_);
      m_.start = 0;
    }
  }
  bool is_busy() const
  {
    if constexpr (kBlends) {
      return false;
    } else {
      return m_.busy;
    }
  }
  bool goes() {return static_cast<int32_t>(engine_() & 255) >= header_.stalls;}

  Module & m_;
  Header header_;
  std::mt19937 engine_;
  int64_t last_ = 0;
};

template<class Module>
void answer(Module & module, const Header & header, size_t pixels, size_t count)
{
  typedef Run<Module> ThisRun;
  Bytes source(pixels * ThisRun::kSource);
  Bytes results(count * ThisRun::kResult);
  Bytes state(header.operation == kMeasure ? 0 : results.size());
  if (!read_all(source.data(), source.size()) || !read_all(state.data(), state.size())) {
    throw std::runtime_error("the input ends too early");
  }
  const int64_t cycles = ThisRun(module, header)(source, state, results);
  fwrite(&cycles, sizeof(cycles), 1, stdout);
  fwrite(results.data(), results.size(), 1, stdout);
}

}  // namespace

int main()
{
  // One of each for all runs: neither what it finds when it is switched on may matter, nor what
  // the run before has left.
  Verilated::randReset(2);
  Vmeasure measure;
  Vaccumulate accumulate;
  Vblend blend;
  reset(measure);
  reset(accumulate);
  reset(blend);
  Header header;
  try {
    while (read_all(&header, sizeof(header))) {
      const size_t rows = static_cast<size_t>(header.rows);
      const size_t columns = static_cast<size_t>(header.columns);
      const size_t beyond = static_cast<size_t>(header.window) - 1;
      if (header.operation == kMeasure) {
        answer(measure, header, rows * columns, ((rows + 1) / 2) * ((columns + 1) / 2));
      } else if (header.operation == kAccumulate) {
        answer(accumulate, header, (rows + beyond) * (columns + beyond), rows * columns);
      } else {
        answer(blend, header, rows * columns, rows * columns);
      }
    }
  } catch (const std::exception & error) {
    fprintf(stderr, "%s: operation %d, %d x %d, window %d, slice %d, stalls %d, seed %d\n",
      error.what(), header.operation, header.rows, header.columns, header.window, header.slice,
      header.stalls, header.seed);
    return 1;
  }
  return 0;
}

// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
// Runs the modules as Verilator has translated them, with streams that stall at random. Per run it
// reads seven int32 (operation, rows, columns, window, slice, stalls in 1/256, seed), the source
// as uint16, and for accumulate the state; it writes the number of cycles from the start to the
// last result as int64, and the results.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <memory>
#include <random>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "Vaccumulate.h"
#include "Vmeasure.h"

namespace
{

typedef std::vector<uint8_t> Bytes;
const size_t kRecord = 16;  // bytes of the state per pixel

struct Header
{
  int32_t operation, rows, columns, window, slice, stalls, seed;
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
  module.start = 0;
  module.reset = 1;
  module.eval();
  tick(module);
  module.reset = 0;
}

template<class Module>
class Run
{
  static constexpr bool kHasState = std::is_same<Module, Vaccumulate>::value;
  static constexpr size_t kResult = kHasState ? kRecord : 2;

public:
  Run(Module & module, const Header & header)
  : m_(module), header_(header), engine_(static_cast<uint32_t>(header.seed)) {}

  int64_t operator()(const std::vector<uint16_t> & source, const Bytes & state, Bytes & results)
  {
    m_.rows = static_cast<uint16_t>(header_.rows);
    m_.columns = static_cast<uint16_t>(header_.columns);
    m_.source_valid = 0;
    m_.result_ready = 0;
    if constexpr (kHasState) {
      m_.window = static_cast<uint8_t>(header_.window);
      m_.slice = static_cast<uint8_t>(header_.slice);
      m_.state_in_valid = 0;
    }
    m_.start = 1;
    tick(m_);
    m_.start = 0;
    const size_t count = results.size() / kResult;
    const int64_t limit = 1000 + 64 * static_cast<int64_t>(source.size() + 8192);
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
      m_.source_valid = m_.source_valid || (given < source.size() && goes());
      m_.source = given < source.size() ? source[given] : 0x5a5;
      if constexpr (kHasState) {
        m_.state_in_valid = m_.state_in_valid || (records < count && goes());
        memcpy(&m_.state_in[0], &state[records < count ? records * kRecord : 0], kRecord);
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
    if (given != source.size() || m_.busy || (kHasState && records != count)) {
      throw std::runtime_error("it has not taken all of its input");
    }
    return last_;
  }

private:
  bool goes() {return static_cast<int32_t>(engine_() & 255) >= header_.stalls;}

  Module & m_;
  Header header_;
  std::mt19937 engine_;
  int64_t last_ = 0;
};

}  // namespace

int main()
{
  // One of each for all runs: neither what it finds when it is switched on may matter, nor what
  // the run before has left.
  Verilated::randReset(2);
  const auto measure = std::make_unique<Vmeasure>();
  const auto accumulate = std::make_unique<Vaccumulate>();
  reset(*measure);
  reset(*accumulate);
  Header header;
  try {
    while (read_all(&header, sizeof(header))) {
      const bool measures = header.operation == 1;
      const size_t rows = static_cast<size_t>(header.rows);
      const size_t columns = static_cast<size_t>(header.columns);
      const size_t beyond = measures ? 0 : static_cast<size_t>(header.window) - 1;
      std::vector<uint16_t> source((rows + beyond) * (columns + beyond));
      Bytes state(measures ? 0 : rows * columns * kRecord);
      Bytes results(measures ? 2 * ((rows + 1) / 2) * ((columns + 1) / 2) : state.size());
      if (!read_all(source.data(), 2 * source.size()) || !read_all(state.data(), state.size())) {
        throw std::runtime_error("the input ends too early");
      }
      const int64_t cycles = measures ?
        Run<Vmeasure>(*measure, header)(source, state, results) :
        Run<Vaccumulate>(*accumulate, header)(source, state, results);
      fwrite(&cycles, sizeof(cycles), 1, stdout);
      fwrite(results.data(), results.size(), 1, stdout);
    }
  } catch (const std::exception & error) {
    fprintf(stderr, "%s: operation %d, %d x %d, window %d, slice %d, stalls %d, seed %d\n",
      error.what(), header.operation, header.rows, header.columns, header.window, header.slice,
      header.stalls, header.seed);
    return 1;
  }
  return 0;
}

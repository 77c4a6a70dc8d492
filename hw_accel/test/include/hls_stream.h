// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
// Stand-in for the header of Vitis HLS. Processes run one after the other and streams hold any
// number of values; with FOCUS_STACKING_THREADS every process is a thread, and a stream blocks when
// it is empty or holds as many values as it is declared with.
#ifndef HLS_STREAM_H_
#define HLS_STREAM_H_

#include <stdio.h>
#include <stdlib.h>

#include <deque>
#include <vector>

#ifdef FOCUS_STACKING_THREADS
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <random>
#include <thread>

#define FOCUS_STACKING_REGION_BEGIN std::vector<std::thread> region_processes;
#define FOCUS_STACKING_PROCESS(call) region_processes.emplace_back([&] {call;})
#define FOCUS_STACKING_REGION_END for (std::thread & process : region_processes) {process.join();}
#endif

namespace hls
{

inline void stop(const char * name, const char * reason)
{
  fprintf(stderr, "stream %s: %s\n", name, reason);
  abort();
}


template<typename T, int DEPTH = 0>
class stream;

#ifdef FOCUS_STACKING_THREADS

inline void stall()
{
  thread_local std::minstd_rand random(
    static_cast<unsigned>(std::hash<std::thread::id>()(std::this_thread::get_id())));
  if (random() % 97 == 0) {
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 60));
  }
}

template<typename T>
class stream<T, 0>
{
public:
  stream(const char * name, size_t depth)
  : name_(name), depth_(depth) {}
  ~stream()
  {
    if (!values_.empty()) {
      stop(name_, "values are left over");
    }
  }
  stream(const stream &) = delete;
  stream & operator=(const stream &) = delete;

  T read()
  {
    stall();
    std::unique_lock<std::mutex> lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(20), [this] {return !values_.empty();})) {
      stop(name_, "deadlock, nothing to read");
    }
    const T value = values_.front();
    values_.pop_front();
    changed_.notify_all();
    return value;
  }

  void write(const T & value)
  {
    stall();
    std::unique_lock<std::mutex> lock(mutex_);
    if (!changed_.wait_for(
        lock, std::chrono::seconds(20), [this] {return values_.size() < depth_;}))
    {
      stop(name_, "deadlock, no room to write");
    }
    values_.push_back(value);
    changed_.notify_all();
  }

private:
  const char * name_;
  size_t depth_;
  std::deque<T> values_;
  std::mutex mutex_;
  std::condition_variable changed_;
};

#else

template<typename T>
class stream<T, 0>
{
public:
  stream(const char * name, size_t)
  : name_(name), next_(0) {}
  ~stream()
  {
    if (next_ != values_.size()) {
      stop(name_, "values are left over");
    }
  }
  stream(const stream &) = delete;
  stream & operator=(const stream &) = delete;

  T read()
  {
    if (next_ == values_.size()) {
      stop(name_, "nothing to read");
    }
    return values_[next_++];
  }

  void write(const T & value) {values_.push_back(value);}

private:
  const char * name_;
  size_t next_;
  std::vector<T> values_;
};

#endif

template<typename T, int DEPTH>
class stream : public stream<T, 0>
{
  static_assert(DEPTH > 0, "a stream of the kernel declares its depth");

public:
  explicit stream(const char * name)
  : stream<T, 0>(name, DEPTH) {}
};

}  // namespace hls

#endif  // HLS_STREAM_H_

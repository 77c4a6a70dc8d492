// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0

#include "parallel.hpp"

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#endif

namespace focus_stacking
{
namespace
{

/// Processors that this process may use.
int processors()
{
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) {
    const int count = CPU_COUNT(&set);
    return count < 1 ? 1 : count;
  }
#endif
  const int count = static_cast<int>(std::thread::hardware_concurrency());
  return count < 1 ? 1 : count;
}

struct Job
{
  void (* task)(void *, int);
  void * context;
  int count;
  int begun;
  int left;
  std::exception_ptr error;
};

class Pool
{
public:
  void run(Job & job)
  {
    std::unique_lock<std::mutex> lock(mutex_);
    start();
    jobs_.push_back(&job);
    // Of threads beyond the limit none may get the only call.
    if (limit_ > 0 || job.count > started_) {
      work_.notify_all();
    } else {
      for (int number = 1; number < job.count; ++number) {
        work_.notify_one();
      }
    }
    while (job.begun < job.count) {
      do_one(job, lock);
    }
    ended_.wait(lock, [&job] {return job.left == 0;});
  }

  int threads()
  {
    std::lock_guard<std::mutex> lock(mutex_);
    return wanted();
  }

  int limit(int count)
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const int before = wanted();
    limit_ = count;
    return before;
  }

private:
  int wanted()
  {
    return limit_ > 0 ? limit_ : processors_;
  }

  void start()
  {
    for (; started_ < wanted() - 1; ++started_) {
      try {
        std::thread([this] {serve();}).detach();
      } catch (const std::exception &) {
        return;  // no more threads are to be had: those that are there do the work
      }
    }
  }

  void serve()
  {
    std::unique_lock<std::mutex> lock(mutex_);
    const int number = ++serving_;
    for (;;) {
      work_.wait(lock, [this, number] {return !jobs_.empty() && number < wanted();});
      do_one(*jobs_.front(), lock);
    }
  }

  void do_one(Job & job, std::unique_lock<std::mutex> & lock)
  {
    const int number = job.begun++;
    if (job.begun == job.count) {
      for (auto each = jobs_.begin(); each != jobs_.end(); ++each) {
        if (*each == &job) {
          jobs_.erase(each);
          break;
        }
      }
    }
    lock.unlock();
    std::exception_ptr error;
    try {
      job.task(job.context, number);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    if (error) {
      job.error = error;
    }
    if (--job.left == 0) {
      ended_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable ended_;
  std::deque<Job *> jobs_;
  int processors_ = processors();
  int limit_ = 0;
  int started_ = 0;
  int serving_ = 0;
};

// Never destroyed: its threads may still wait when the process ends.
Pool * pool_ = nullptr;
std::mutex pool_mutex;

Pool & pool()
{
  std::lock_guard<std::mutex> lock(pool_mutex);
  if (pool_ == nullptr) {
#if defined(__linux__)
    // Threads do not survive a fork: the child gets a pool of its own.
    static const int registered = pthread_atfork(
      [] {pool_mutex.lock();}, [] {pool_mutex.unlock();},
      [] {pool_ = nullptr; pool_mutex.unlock();});
    static_cast<void>(registered);
#endif
    pool_ = new Pool;
  }
  return *pool_;
}

}  // namespace

void run_tasks(int count, void (* task)(void *, int), void * context)
{
  if (count == 1) {
    task(context, 0);
    return;
  }
  if (count < 1) {
    return;
  }
  Job job{task, context, count, 0, count, nullptr};
  pool().run(job);
  if (job.error) {
    std::rethrow_exception(job.error);
  }
}

int task_threads()
{
  return pool().threads();
}

}  // namespace focus_stacking

int32_t focus_stacking_native_set_threads(int32_t count)
{
  return focus_stacking::pool().limit(count < 0 ? 0 : count);
}

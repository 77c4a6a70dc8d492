// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Memory that one call after another works in, until it is given back.

#ifndef FOCUS_STACKING_LENT_HPP
#define FOCUS_STACKING_LENT_HPP

#include <atomic>
#include <memory>

namespace focus_stacking
{

/// What a call works in: that of an earlier one, whose memory serves again, where one is left.
template<typename Kept>
class Lent
{
public:
  Lent()
  {
    for (std::atomic<Kept *> & place : places_) {
      if (!kept_) {
        kept_.reset(place.exchange(nullptr));
      }
    }
    if (!kept_) {
      kept_.reset(new Kept);
    }
  }

  ~Lent()
  {
    for (std::atomic<Kept *> & place : places_) {
      Kept * none = nullptr;
      if (kept_ && place.compare_exchange_strong(none, kept_.get())) {
        kept_.release();
      }
    }
  }

  Lent(const Lent &) = delete;
  Lent & operator=(const Lent &) = delete;

  Kept & operator*() {return *kept_;}

  /// Gives back what no call works in.
  static void forget()
  {
    for (std::atomic<Kept *> & place : places_) {
      delete place.exchange(nullptr);
    }
  }

private:
  static std::atomic<Kept *> places_[4];  // without a lock, which a fork might leave locked
  std::unique_ptr<Kept> kept_;
};

template<typename Kept>
std::atomic<Kept *> Lent<Kept>::places_[4] = {};

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_LENT_HPP

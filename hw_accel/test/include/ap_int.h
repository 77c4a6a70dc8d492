// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
// Stand-in for the header of Vitis HLS: what the kernel uses of ap_uint, for g++ and 128 bits.
#ifndef AP_INT_H_
#define AP_INT_H_

#include <stdint.h>

template<int WIDTH>
class ap_uint
{
  static_assert(WIDTH == 128, "this stand-in knows 128 bits only");

public:
  class Range
  {
public:
    Range(ap_uint & owner, int high, int low)
    : owner_(owner), high_(high), low_(low) {}
    Range & operator=(uint64_t value)
    {
      const unsigned __int128 mask = mask_of(high_ - low_ + 1) << low_;
      owner_.value_ = (owner_.value_ & ~mask) |
        ((static_cast<unsigned __int128>(value) << low_) & mask);
      return *this;
    }

private:
    ap_uint & owner_;
    int high_, low_;
  };

  class ConstantRange
  {
public:
    explicit ConstantRange(uint64_t value)
    : value_(value) {}
    uint64_t to_uint64() const {return value_;}

private:
    uint64_t value_;
  };

  ap_uint()
  : value_(0) {}
  ap_uint(int value)  // NOLINT(runtime/explicit)
  : value_(static_cast<unsigned int>(value)) {}

  Range range(int high, int low) {return Range(*this, high, low);}
  ConstantRange range(int high, int low) const
  {
    return ConstantRange(static_cast<uint64_t>((value_ >> low) & mask_of(high - low + 1)));
  }

private:
  static unsigned __int128 mask_of(int bits)
  {
    return bits >= 128 ? ~static_cast<unsigned __int128>(0) :
           (static_cast<unsigned __int128>(1) << bits) - 1;
  }
  unsigned __int128 value_;
};

#endif  // AP_INT_H_

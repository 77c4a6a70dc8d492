// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Small square matrices, row-major.

#ifndef FOCUS_STACKING_MATRICES_HPP
#define FOCUS_STACKING_MATRICES_HPP

#include <cmath>
#include <utility>
#include <vector>

namespace focus_stacking
{

/// A square matrix.
struct Matrix
{
  explicit Matrix(int size)
  : size(size), values(static_cast<size_t>(size) * size) {}

  double & operator()(int row, int column) {return values[row * size + column];}
  double operator()(int row, int column) const {return values[row * size + column];}

  int size;
  std::vector<double> values;
};

inline Matrix product(const Matrix & a, const Matrix & b)
{
  Matrix result(a.size);
  for (int i = 0; i < a.size; ++i) {
    for (int k = 0; k < a.size; ++k) {
      for (int j = 0; j < a.size; ++j) {
        result(i, j) += a(i, k) * b(k, j);
      }
    }
  }
  return result;
}

/// The upper left part.
inline Matrix part(const Matrix & a, int size)
{
  Matrix result(size);
  for (int i = 0; i < size; ++i) {
    for (int j = 0; j < size; ++j) {
      result(i, j) = a(i, j);
    }
  }
  return result;
}

/// Replaces a matrix by its inverse, by Gauss and Jordan with pivots from each column; returns
/// whether it has one.
inline bool invert(Matrix & a)
{
  const int size = a.size;
  Matrix back(size);
  for (int i = 0; i < size; ++i) {
    back(i, i) = 1;
  }
  for (int column = 0; column < size; ++column) {
    int pivot = column;
    for (int i = column + 1; i < size; ++i) {
      pivot = std::fabs(a(i, column)) > std::fabs(a(pivot, column)) ? i : pivot;
    }
    const double greatest = a(pivot, column);
    if (greatest == 0 || !std::isfinite(greatest)) {
      return false;
    }
    for (int j = 0; j < size; ++j) {
      std::swap(a(column, j), a(pivot, j));
      std::swap(back(column, j), back(pivot, j));
      a(column, j) /= greatest;
      back(column, j) /= greatest;
    }
    for (int i = 0; i < size; ++i) {
      const double factor = a(i, column);
      for (int j = 0; i != column && j < size; ++j) {
        a(i, j) -= factor * a(column, j);
        back(i, j) -= factor * back(column, j);
      }
    }
  }
  a = back;
  return true;
}

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_MATRICES_HPP

#pragma once
#include <cstdint>

#include "base/bfloat16.hpp"
#include "kernels/api/place.hpp"

namespace modr::kernels {

/// out[row][i] = x[row][columns[row * choices + i]] for rows of `width` values; exact types.
template <typename T>
void gather_columns(Cpu, const T* x, const int32_t* columns, int64_t rows, int64_t choices, int64_t width, T* out);
template <typename T>
void gather_columns(Cuda, const T* x, const int32_t* columns, int64_t rows, int64_t choices, int64_t width, T* out);

/// Its gradient: dx [rows, width] is assigned, zeros where nothing was taken.
template <typename T>
void gather_columns_backward(Cpu, const T* dout, const int32_t* columns, int64_t rows, int64_t choices, int64_t width,
                             T* dx);
template <typename T>
void gather_columns_backward(Cuda, const T* dout, const int32_t* columns, int64_t rows, int64_t choices, int64_t width,
                             T* dx);

/// choices[row] = the columns of the `count` largest of scores[row] + bias, best first; sums in double, ties go to the
/// lower column, a NaN is below every number.
template <typename T>
void largest_columns(Cpu, const T* scores, const T* bias, int64_t rows, int64_t width, int64_t count, int32_t* choices);
template <typename T>
void largest_columns(Cuda, const T* scores, const T* bias, int64_t rows, int64_t width, int64_t count,
                     int32_t* choices);

/// out[row] = the column of the largest value, ties to the lower; -1 where one of them is NaN or the largest is
/// infinite.
template <typename T>
void argmax(Cpu, const T* x, int64_t rows, int64_t width, int32_t* out);
template <typename T>
void argmax(Cuda, const T* x, int64_t rows, int64_t width, int32_t* out);

}  // namespace modr::kernels

#pragma once
#include <cstdint>

#include "base/bfloat16.hpp"
#include "kernels/api/place.hpp"

namespace modr::kernels {

/// out[i] = factor * table[index[i]] for rows of `width`, i < count. T is Table, or has Table as its exact type.
template <typename Table, typename T>
void gather_rows(Cpu, const Table* table, const int32_t* index, int64_t count, int64_t width, Exact<T> factor, T* out);
template <typename Table, typename T>
void gather_rows(Cuda, const Table* table, const int32_t* index, int64_t count, int64_t width, Exact<T> factor, T* out);

/// table[index[i]] += factor * rows[i], in the order of i, so that sums have a fixed order.
template <typename T, typename Table>
void scatter_add_rows(Cpu, const T* rows, const int32_t* index, int64_t count, int64_t width, Exact<T> factor,
                      Table* table);
template <typename T, typename Table>
void scatter_add_rows(Cuda, const T* rows, const int32_t* index, int64_t count, int64_t width, Exact<T> factor,
                      Table* table);

/// out[group] = mean over the rows [offsets[group], offsets[group + 1]) with mask != 0; mask may be null.
template <typename T>
void masked_mean(Cpu, const T* x, const uint8_t* mask, int64_t groups, const int64_t* offsets, int64_t width,
                 Exact<T>* out);
template <typename T>
void masked_mean(Cuda, const T* x, const uint8_t* mask, int64_t groups, const int64_t* offsets, int64_t width,
                 Exact<T>* out);

/// dx of masked_mean, assigned (zeros where the mask is 0).
template <typename T>
void masked_mean_backward(Cpu, const Exact<T>* dout, const uint8_t* mask, int64_t groups, const int64_t* offsets,
                          int64_t width, T* dx);
template <typename T>
void masked_mean_backward(Cuda, const Exact<T>* dout, const uint8_t* mask, int64_t groups, const int64_t* offsets,
                          int64_t width, T* dx);

}  // namespace modr::kernels

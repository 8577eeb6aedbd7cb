#pragma once
#include <cstdint>

#include "base/bfloat16.hpp"
#include "kernels/api/place.hpp"

namespace modr::kernels {

/// The thin products of low-rank adapters (Hu et al. 2021). A general product is poor at an inner size of 16: these are
/// bound by the memory of `wide`, [rows, width], and pass over it once for every 16 of the rank. `matrix` is [rank,
/// width] and `thin` [rows, rank], both exact. Sums run in a fixed order, whatever the number of threads.

/// thin = factor * wide matrix^T.
template <typename T>
void low_rank_down(Cpu, const T* wide, int64_t rows, int64_t width, const Exact<T>* matrix, int64_t rank,
                   Exact<T> factor, Exact<T>* thin);
template <typename T>
void low_rank_down(Cuda, const T* wide, int64_t rows, int64_t width, const Exact<T>* matrix, int64_t rank,
                   Exact<T> factor, Exact<T>* thin);

/// wide += thin matrix.
template <typename T>
void low_rank_up(Cpu, const Exact<T>* thin, int64_t rows, int64_t rank, const Exact<T>* matrix, int64_t width, T* wide);
template <typename T>
void low_rank_up(Cuda, const Exact<T>* thin, int64_t rows, int64_t rank, const Exact<T>* matrix, int64_t width,
                 T* wide);

/// matrix += thin^T wide.
template <typename T>
void low_rank_outer(Cpu, const Exact<T>* thin, int64_t rows, int64_t rank, const T* wide, int64_t width,
                    Exact<T>* matrix);
template <typename T>
void low_rank_outer(Cuda, const Exact<T>* thin, int64_t rows, int64_t rank, const T* wide, int64_t width,
                    Exact<T>* matrix);

}  // namespace modr::kernels

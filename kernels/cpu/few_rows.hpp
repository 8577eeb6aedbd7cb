#pragma once
#include "kernels/api/gemm.hpp"

namespace modr::kernels {

/// Up to so many rows, a product with a B stored as [n, k] is bound by reading it: then no copy of it is made.
inline constexpr int64_t most_few_rows = 4;

/// row_gemm() of up to most_few_rows rows of float and a transposed B, of as many columns as are whole vectors of 16:
/// the number of columns done.
int64_t few_rows(const GemmShape& shape, const float* a, const float* b, bool accumulate, float* c);

}  // namespace modr::kernels

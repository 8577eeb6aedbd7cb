#pragma once
// Products of few rows of bfloat16 with a weight as it is stored, bound by reading it: what decoding does.
#include "kernels/api/decode_product.hpp"
#include "kernels/api/gemm.hpp"
#include "kernels/cuda/launch.hpp"

namespace modr::kernels {

/// Whether multiply_few_rows() takes it: up to most_made_rows rows, B transposed, in packs of 16 bytes.
bool has_few_rows(const GemmShape& shape, const bfloat16* a, const bfloat16* b);

/// c = a B^T, or c += a B^T. Every element is a sum of its own, in an order that depends on k alone, in float.
template <typename C>
void multiply_few_rows(Cuda on, const GemmShape& shape, const bfloat16* a, const bfloat16* b, bool accumulate, C* c);

}  // namespace modr::kernels

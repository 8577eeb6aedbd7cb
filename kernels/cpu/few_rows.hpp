#pragma once
#include <cstddef>

#include "kernels/api/packed_gemm.hpp"

namespace modr::kernels::cpu {

/// Up to so many rows a packed product is bound by reading the matrix, which few_rows() does at the memory's rate and
/// oneDNN at two thirds of it (kernels/README.md); with more its tiles win.
inline constexpr int64_t most_few_rows = 2;
/// Of the product's inner size.
inline constexpr int64_t most_few_rows_depth = 16384;

/// packed_gemm() of bf16 for few rows. The matrix is laid out in blocks of 64 columns, each with its rows in pairs:
/// [n / 64][k / 32][16][64][2], padded with zeros to whole blocks.
template <typename C>
void few_rows(const PackedGemm& shape, const bfloat16* a, const std::byte* packed, C* c);

}  // namespace modr::kernels::cpu

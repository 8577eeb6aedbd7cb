#pragma once
#include <cstddef>

#include "kernels/api/gemm.hpp"
#include "kernels/api/packed_gemm.hpp"

namespace modr::kernels {

/// C = A op(B), or C += with `accumulate`, of T float or bfloat16, A not transposed, C of T or float. Every element is
/// one chain of fused multiply-adds over ascending k (of bfloat16: pairs, see fused()), from 0 or from what C holds, and
/// is rounded to C once: its bits depend on its row of A and its column of B alone.
template <typename T, typename C>
void row_gemm(const GemmShape& shape, const T* a, const T* b, bool accumulate, C* c);

/// The same with a B of bfloat16 that row_pack() has laid out, in row_packed_size() bytes: whole panels of B, one behind
/// the other (row_tile.hpp).
template <typename C>
void row_gemm_packed(const PackedGemm& shape, const bfloat16* a, const std::byte* packed, C* c);
std::size_t row_packed_size(int64_t k, int64_t n);
template <typename S>
void row_pack(int64_t k, int64_t n, const S* b, int64_t ldb, bool transposed, std::byte* packed);

/// C [m, k] = A [m, n] W of the W [n, k] whose transpose row_pack() has laid out, turned block by block: the bits of a
/// row_gemm() with W.
template <typename C>
void row_gemm_packed_back(const PackedGemm& shape, const bfloat16* a, const std::byte* packed, C* c);

}  // namespace modr::kernels

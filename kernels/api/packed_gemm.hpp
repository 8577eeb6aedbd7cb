#pragma once
#include <cstddef>
#include <cstdint>

#include "base/bfloat16.hpp"
#include "kernels/api/place.hpp"

namespace modr::kernels {

/// A weight W [n, k] of bfloat16 that serves many products, laid out once: as panels of W's rows with their columns in
/// pairs, or, where the processor has matrix units (AMX), as oneDNN wants it for them. The layout depends on n and k
/// alone, and zeros are zero bytes in it. On a GPU it is W as it is.

/// Bytes of the laid out matrix.
std::size_t packed_size(Cpu, int64_t k, int64_t n);
std::size_t packed_size(Cuda, int64_t k, int64_t n);

/// Lays out W^T = op(b), rounding; `b` of float or bfloat16 is [k, n], or W itself, [n, k], when transposed, with rows
/// `ldb` apart.
template <typename S>
void pack(Cpu, int64_t k, int64_t n, const S* b, int64_t ldb, bool transposed, std::byte* packed);
template <typename S>
void pack(Cuda, int64_t k, int64_t n, const S* b, int64_t ldb, bool transposed, std::byte* packed);

/// The same values as rows again: W [n, k], of float or bfloat16.
template <typename S>
void unpack(Cpu, int64_t k, int64_t n, const std::byte* packed, S* w);
template <typename S>
void unpack(Cuda, int64_t k, int64_t n, const std::byte* packed, S* w);

/// c = a W^T, or c += a W^T: a [m, k] and c [m, n], of bfloat16 or float, with rows lda and ldc apart. Sums are kept in
/// float. A row's bits do not depend on m (kernels/README.md, "Contract").
struct PackedGemm {
  int64_t m, n, k, lda, ldc;
  bool accumulate = false;
};
template <typename C>
void packed_gemm(Cpu, const PackedGemm& shape, const bfloat16* a, const std::byte* packed, C* c);
template <typename C>
void packed_gemm(Cuda, const PackedGemm& shape, const bfloat16* a, const std::byte* packed, C* c);

/// Whether the layout can be read by the two that follow: not that of oneDNN.
bool packed_is_open(Cpu);
bool packed_is_open(Cuda);

/// c = a W, the way back, under the same contract: a [m, n] and c [m, k].
template <typename C>
void packed_gemm_back(Cpu, const PackedGemm& shape, const bfloat16* a, const std::byte* packed, C* c);
template <typename C>
void packed_gemm_back(Cuda, const PackedGemm& shape, const bfloat16* a, const std::byte* packed, C* c);

/// out[i] = factor * W[index[i]], i < count, rounded to bfloat16.
void gather_packed_rows(Cpu, int64_t k, int64_t n, const std::byte* packed, const int32_t* index, int64_t count,
                        float factor, bfloat16* out);
void gather_packed_rows(Cuda, int64_t k, int64_t n, const std::byte* packed, const int32_t* index, int64_t count,
                        float factor, bfloat16* out);

}  // namespace modr::kernels

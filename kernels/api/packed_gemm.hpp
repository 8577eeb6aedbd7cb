#pragma once
#include <cstddef>
#include <cstdint>

#include "base/dtype.hpp"
#include "kernels/api/place.hpp"

namespace modr::kernels {

/// Products A B with a matrix B [k, n] of bfloat16 that serves many of them: laid out once, as panels of columns with
/// their rows in pairs, or, where the processor has matrix units (AMX), as oneDNN wants it for them. The layout depends
/// on k, n and T = bfloat16 alone. A row's bits do not depend on m (kernels/README.md, "Contract").

/// Bytes of the laid out matrix.
template <typename T>
std::size_t packed_size(Cpu, int64_t k, int64_t n);
template <typename T>
std::size_t packed_size(Cuda, int64_t k, int64_t n);

/// Lays out op(b), rounding to T; `b` is [k, n], or [n, k] when transposed, with rows `ldb` apart.
template <typename T>
void pack(Cpu, int64_t k, int64_t n, const Exact<T>* b, int64_t ldb, bool transposed, std::byte* packed);
template <typename T>
void pack(Cuda, int64_t k, int64_t n, const Exact<T>* b, int64_t ldb, bool transposed, std::byte* packed);

/// c = a b, or c += a b: a [m, k] and c [m, n] with rows lda and ldc apart, c of T or float. Sums are kept in float.
struct PackedGemm {
  int64_t m, n, k, lda, ldc;
  bool accumulate = false;
};
template <typename T, typename C>
void packed_gemm(Cpu, const PackedGemm& shape, const T* a, const std::byte* packed, C* c);
template <typename T, typename C>
void packed_gemm(Cuda, const PackedGemm& shape, const T* a, const std::byte* packed, C* c);

}  // namespace modr::kernels

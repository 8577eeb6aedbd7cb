#pragma once
#include <cstddef>
#include <cstdint>

#include "base/dtype.hpp"

namespace modr::kernels::cpu {

/// Products A B with a matrix B [k, n] that serves many of them: laid out once as the processor's matrix units want it,
/// which oneDNN knows (for bf16 on AMX and AVX-512: blocks of 64 columns, rows in pairs). The layout depends on k, n
/// and T alone. T is float or bfloat16.

/// Bytes of the laid out matrix.
template <typename T>
std::size_t packed_size(int64_t k, int64_t n);

/// Lays out op(b), rounding to T; `b` is [k, n], or [n, k] when transposed, with rows `ldb` apart.
template <typename T>
void pack(int64_t k, int64_t n, const Exact<T>* b, int64_t ldb, bool transposed, std::byte* packed);

/// c = a b, or c += a b: a [m, k] and c [m, n] with rows lda and ldc apart, c of T or float. Sums are kept in float.
struct PackedGemm {
  int64_t m, n, k, lda, ldc;
  bool accumulate = false;
};
template <typename T, typename C>
void packed_gemm(const PackedGemm& shape, const T* a, const std::byte* packed, C* c);

}  // namespace modr::kernels::cpu

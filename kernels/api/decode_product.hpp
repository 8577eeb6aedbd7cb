#pragma once
#include <cstddef>
#include <cstdint>

#include "base/bfloat16.hpp"
#include "kernels/api/packed_gemm.hpp"
#include "kernels/api/place.hpp"

namespace modr::kernels {

/// What the rows of a product are made of, where they are few (a decoding step): the kernel makes them itself, and
/// nothing but the weight is worth reading. Each step is rounded to bfloat16 as the kernel of its name rounds it. In
/// this order, as far as they are there:
struct MadeRows {
  const bfloat16* x;                   // [m, k]; [m, 2 k] of a gate
  bool gate = false;                   // silu_gate(x)
  const bfloat16* residual = nullptr;  // [m, k], with an outer norm: it is of x + residual
  const float* outer = nullptr;        // [k], weight of an RMSNorm, whose result goes to `kept` too
  bfloat16* kept = nullptr;            // [m, k], no part of x or residual
  const float* norm = nullptr;         // [k], weight of an RMSNorm, of what there is by then
  float eps = 0;                       // of both norms
};

/// The most rows that decode_product() takes on a GPU.
inline constexpr int64_t most_made_rows = 4;

/// Whether decode_product() is worth being called for m rows of k: on a GPU, whose memory it saves ways to.
bool makes_rows(Cpu, int64_t m, int64_t k);
bool makes_rows(Cuda, int64_t m, int64_t k);

/// c = rows W^T, or += (packed_gemm.hpp), the rows being made; shape.lda does not count. A row's bits do not depend on
/// m. The CPU takes any m, and room of its own.
template <typename C>
void decode_product(Cpu, const MadeRows& rows, const PackedGemm& shape, const std::byte* packed, C* c);
template <typename C>
void decode_product(Cuda, const MadeRows& rows, const PackedGemm& shape, const std::byte* packed, C* c);

}  // namespace modr::kernels

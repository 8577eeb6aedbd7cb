#include "kernels/api/decode_product.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "kernels/api/gated_mlp.hpp"
#include "kernels/api/rms_norm.hpp"

namespace modr::kernels {

namespace {

std::vector<bfloat16> made(const MadeRows& r, int64_t m, int64_t k) {
  std::vector<bfloat16> rows(r.x, r.x + (r.gate ? 0 : m * k)), result(static_cast<std::size_t>(m * k));
  std::vector<float> inverse(static_cast<std::size_t>(m));
  if (r.gate) {
    silu_gate(Cpu{}, r.x, m, k, result.data());
    std::swap(rows, result);
    result.resize(rows.size());
  }
  const auto norm = [&](const bfloat16* residual, const float* weight) {
    rms_norm<bfloat16>(Cpu{}, {rows.data(), residual, weight, r.eps, m, k, result.data(), inverse.data()});
    std::swap(rows, result);
  };
  if (r.outer != nullptr) {
    norm(r.residual, r.outer);
    std::ranges::copy(rows, r.kept);
  }
  if (r.norm != nullptr) norm(nullptr, r.norm);
  return rows;
}

}  // namespace

bool makes_rows(Cpu, int64_t, int64_t) { return false; }

template <typename C>
void decode_product(Cpu on, const MadeRows& rows, const PackedGemm& shape, const std::byte* packed, C* c) {
  PackedGemm dense = shape;
  dense.lda = shape.k;
  packed_gemm(on, dense, made(rows, shape.m, shape.k).data(), packed, c);
}
template void decode_product(Cpu, const MadeRows&, const PackedGemm&, const std::byte*, bfloat16*);
template void decode_product(Cpu, const MadeRows&, const PackedGemm&, const std::byte*, float*);

}  // namespace modr::kernels

#include "kernels/api/packed_gemm.hpp"

#include "kernels/cpu/onednn_matmul.hpp"
#include "kernels/cpu/row_gemm.hpp"

namespace modr::kernels {

template <>
std::size_t packed_size<bfloat16>(Cpu, int64_t k, int64_t n) {
  if (onednn::has_matrix_units()) return onednn::packed_desc(k, n, onednn::type_of<bfloat16>()).get_size();
  return row_packed_size(k, n);
}

template <>
void pack<bfloat16>(Cpu, int64_t k, int64_t n, const float* b, int64_t ldb, bool transposed, std::byte* packed) {
  if (!onednn::has_matrix_units()) return row_pack(k, n, b, ldb, transposed, packed);
  onednn::reorder({k, n, ldb, transposed, onednn::type_of<float>()}, b, onednn::type_of<bfloat16>(), packed);
}

template <typename T, typename C>
void packed_gemm(Cpu, const PackedGemm& s, const T* a, const std::byte* packed, C* c) {
  if (s.m == 0 || s.n == 0) return;
  if (!onednn::has_matrix_units()) return row_gemm_packed(s, a, packed, c);
  const auto type = onednn::type_of<T>();
  const onednn::MatrixLayout left{s.m, s.k, s.lda, false, type}, right{s.k, s.n, 0, false, type},
      result{s.m, s.n, s.ldc, false, onednn::type_of<C>()};
  onednn::run_by_rows({left, right, result, true, s.accumulate}, a, packed, c);
}
template void packed_gemm(Cpu, const PackedGemm&, const bfloat16*, const std::byte*, bfloat16*);
template void packed_gemm(Cpu, const PackedGemm&, const bfloat16*, const std::byte*, float*);

}  // namespace modr::kernels

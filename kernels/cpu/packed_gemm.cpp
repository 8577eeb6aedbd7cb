#include "kernels/api/packed_gemm.hpp"

#include "kernels/cpu/onednn_matmul.hpp"
#include "kernels/cpu/row_gemm.hpp"
#include "kernels/cpu/row_unpack.hpp"

namespace modr::kernels {

std::size_t packed_size(Cpu, int64_t k, int64_t n) {
  if (onednn::has_matrix_units()) return onednn::packed_desc(k, n, onednn::type_of<bfloat16>()).get_size();
  return row_packed_size(k, n);
}

template <typename S>
void pack(Cpu, int64_t k, int64_t n, const S* b, int64_t ldb, bool transposed, std::byte* packed) {
  if (!onednn::has_matrix_units()) return row_pack(k, n, b, ldb, transposed, packed);
  onednn::reorder({k, n, ldb, transposed, onednn::type_of<S>()}, b, onednn::type_of<bfloat16>(), packed);
}
template void pack(Cpu, int64_t, int64_t, const float*, int64_t, bool, std::byte*);
template void pack(Cpu, int64_t, int64_t, const bfloat16*, int64_t, bool, std::byte*);

template <typename S>
void unpack(Cpu, int64_t k, int64_t n, const std::byte* packed, S* w) {
  if (!onednn::has_matrix_units()) return row_unpack(k, n, packed, w);
  onednn::reorder_back({k, n, k, true, onednn::type_of<S>()}, onednn::type_of<bfloat16>(), packed, w);
}
template void unpack(Cpu, int64_t, int64_t, const std::byte*, float*);
template void unpack(Cpu, int64_t, int64_t, const std::byte*, bfloat16*);

template <typename C>
void packed_gemm(Cpu, const PackedGemm& s, const bfloat16* a, const std::byte* packed, C* c) {
  if (s.m == 0 || s.n == 0) return;
  if (!onednn::has_matrix_units()) return row_gemm_packed(s, a, packed, c);
  const auto type = onednn::type_of<bfloat16>();
  const onednn::MatrixLayout left{s.m, s.k, s.lda, false, type}, right{s.k, s.n, 0, false, type},
      result{s.m, s.n, s.ldc, false, onednn::type_of<C>()};
  onednn::run_by_rows({left, right, result, true, s.accumulate}, a, packed, c);
}
template void packed_gemm(Cpu, const PackedGemm&, const bfloat16*, const std::byte*, bfloat16*);
template void packed_gemm(Cpu, const PackedGemm&, const bfloat16*, const std::byte*, float*);

bool packed_is_open(Cpu) { return !onednn::has_matrix_units(); }

template <typename C>
void packed_gemm_back(Cpu, const PackedGemm& s, const bfloat16* a, const std::byte* packed, C* c) {
  if (s.m > 0 && s.k > 0) row_gemm_packed_back(s, a, packed, c);
}
template void packed_gemm_back(Cpu, const PackedGemm&, const bfloat16*, const std::byte*, bfloat16*);
template void packed_gemm_back(Cpu, const PackedGemm&, const bfloat16*, const std::byte*, float*);

void gather_packed_rows(Cpu, int64_t k, int64_t, const std::byte* packed, const int32_t* index, int64_t count,
                        float factor, bfloat16* out) {
  row_gather(k, packed, index, count, factor, out);
}

}  // namespace modr::kernels

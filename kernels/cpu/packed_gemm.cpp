#include "kernels/api/packed_gemm.hpp"

#include "kernels/cpu/few_rows.hpp"
#include "kernels/cpu/onednn_matmul.hpp"

namespace modr::kernels::cpu {

template <typename T>
std::size_t packed_size(int64_t k, int64_t n) {
  return onednn::packed_desc(k, n, onednn::type_of<T>()).get_size();
}

template <typename T>
void pack(int64_t k, int64_t n, const Exact<T>* b, int64_t ldb, bool transposed, std::byte* packed) {
  onednn::reorder({k, n, ldb, transposed, onednn::type_of<Exact<T>>()}, b, onednn::type_of<T>(), packed);
}

template <typename T, typename C>
void packed_gemm(const PackedGemm& s, const T* a, const std::byte* packed, C* c) {
  if (s.m == 0 || s.n == 0) return;
  const auto type = onednn::type_of<T>();
  if constexpr (std::is_same_v<T, bfloat16>) {
    if (s.m <= most_few_rows && s.k <= most_few_rows_depth && onednn::is_packed_in_pairs(s.k, s.n, type))
      return few_rows(s, a, packed, c);
  }
  onednn::run({{s.m, s.k, s.lda, false, type}, {s.k, s.n, 0, false, type}, {s.m, s.n, s.ldc, false, onednn::type_of<C>()}, true,
               s.accumulate},
              a, packed, c);
}

template std::size_t packed_size<float>(int64_t, int64_t);
template std::size_t packed_size<bfloat16>(int64_t, int64_t);
template void pack<float>(int64_t, int64_t, const float*, int64_t, bool, std::byte*);
template void pack<bfloat16>(int64_t, int64_t, const float*, int64_t, bool, std::byte*);
template void packed_gemm(const PackedGemm&, const float*, const std::byte*, float*);
template void packed_gemm(const PackedGemm&, const bfloat16*, const std::byte*, bfloat16*);
template void packed_gemm(const PackedGemm&, const bfloat16*, const std::byte*, float*);

}  // namespace modr::kernels::cpu

#include "kernels/api/packed_gemm.hpp"
#include "kernels/no_cuda/missing.hpp"

namespace modr::kernels {

std::size_t packed_size(Cuda, int64_t, int64_t) { missing(); }
template <typename S>
void pack(Cuda, int64_t, int64_t, const S*, int64_t, bool, std::byte*) {
  missing();
}
template <typename S>
void unpack(Cuda, int64_t, int64_t, const std::byte*, S*) {
  missing();
}
template <typename C>
void packed_gemm(Cuda, const PackedGemm&, const bfloat16*, const std::byte*, C*) {
  missing();
}
bool packed_is_open(Cuda) { missing(); }
template <typename C>
void packed_gemm_back(Cuda, const PackedGemm&, const bfloat16*, const std::byte*, C*) {
  missing();
}
void gather_packed_rows(Cuda, int64_t, int64_t, const std::byte*, const int32_t*, int64_t, float, bfloat16*) {
  missing();
}

#define MODR_PRODUCT(C)                                                                      \
  template void packed_gemm(Cuda, const PackedGemm&, const bfloat16*, const std::byte*, C*); \
  template void packed_gemm_back(Cuda, const PackedGemm&, const bfloat16*, const std::byte*, C*);
MODR_PRODUCT(float)
MODR_PRODUCT(bfloat16)

#define MODR_PACKED(S)                                                             \
  template void pack(Cuda, int64_t, int64_t, const S*, int64_t, bool, std::byte*); \
  template void unpack(Cuda, int64_t, int64_t, const std::byte*, S*);
MODR_PACKED(float)
MODR_PACKED(bfloat16)

}  // namespace modr::kernels

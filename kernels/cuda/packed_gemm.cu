#include "kernels/api/elementwise.hpp"
#include "kernels/api/gemm.hpp"
#include "kernels/api/packed_gemm.hpp"
#include "kernels/api/rows.hpp"
#include "kernels/cuda/turn.hpp"

// The layout of the GPU is W [n, k] itself, row by row: cuBLASLt wants no other.

namespace modr::kernels {

namespace {

bfloat16* rows_of(std::byte* packed) { return reinterpret_cast<bfloat16*>(packed); }
const bfloat16* rows_of(const std::byte* packed) { return reinterpret_cast<const bfloat16*>(packed); }

struct Round {
  template <typename S>
  __device__ void operator()(bfloat16& to, S from) const {
    to = static_cast<bfloat16>(static_cast<float>(from));
  }
};

}  // namespace

std::size_t packed_size(Cuda, int64_t k, int64_t n) { return static_cast<std::size_t>(n * k) * sizeof(bfloat16); }

template <typename S>
void pack(Cuda on, int64_t k, int64_t n, const S* b, int64_t ldb, bool transposed, std::byte* packed) {
  if (transposed) return copy(on, StridedCopy{2, {n, k}, {ldb, 1}, {k, 1}}, b, rows_of(packed));
  turn(on, Round{}, b, k, n, ldb, rows_of(packed));
}
template void pack(Cuda, int64_t, int64_t, const float*, int64_t, bool, std::byte*);
template void pack(Cuda, int64_t, int64_t, const bfloat16*, int64_t, bool, std::byte*);

template <typename S>
void unpack(Cuda on, int64_t k, int64_t n, const std::byte* packed, S* w) {
  convert(on, rows_of(packed), n * k, w);
}
template void unpack(Cuda, int64_t, int64_t, const std::byte*, float*);
template void unpack(Cuda, int64_t, int64_t, const std::byte*, bfloat16*);

template <typename C>
void packed_gemm(Cuda on, const PackedGemm& s, const bfloat16* a, const std::byte* packed, C* c) {
  gemm_bf16(on, {false, true, s.m, s.n, s.k, s.lda, s.k, s.ldc}, a, rows_of(packed), s.accumulate, c);
}
template void packed_gemm(Cuda, const PackedGemm&, const bfloat16*, const std::byte*, bfloat16*);
template void packed_gemm(Cuda, const PackedGemm&, const bfloat16*, const std::byte*, float*);

bool packed_is_open(Cuda) { return true; }

template <typename C>
void packed_gemm_back(Cuda on, const PackedGemm& s, const bfloat16* a, const std::byte* packed, C* c) {
  gemm_bf16(on, {false, false, s.m, s.k, s.n, s.lda, s.k, s.ldc}, a, rows_of(packed), s.accumulate, c);
}
template void packed_gemm_back(Cuda, const PackedGemm&, const bfloat16*, const std::byte*, bfloat16*);
template void packed_gemm_back(Cuda, const PackedGemm&, const bfloat16*, const std::byte*, float*);

void gather_packed_rows(Cuda on, int64_t k, int64_t, const std::byte* packed, const int32_t* index, int64_t count,
                        float factor, bfloat16* out) {
  gather_rows(on, rows_of(packed), index, count, k, factor, out);
}

}  // namespace modr::kernels

// The kernels of a program without CUDA: nothing is computed there. Linked where no CUDA toolkit was found.
#include "base/error.hpp"
#include "kernels/api/adamw.hpp"
#include "kernels/api/attention.hpp"
#include "kernels/api/choice.hpp"
#include "kernels/api/combine.hpp"
#include "kernels/api/elementwise.hpp"
#include "kernels/api/exit_change.hpp"
#include "kernels/api/gated_mlp.hpp"
#include "kernels/api/gemm.hpp"
#include "kernels/api/low_rank.hpp"
#include "kernels/api/packed_gemm.hpp"
#include "kernels/api/random.hpp"
#include "kernels/api/rms_norm.hpp"
#include "kernels/api/rope.hpp"
#include "kernels/api/rows.hpp"
#include "kernels/api/softmax.hpp"
#include "kernels/api/transfer.hpp"

namespace modr::kernels {

namespace {

[[noreturn]] void missing() { fail("this program was built without CUDA"); }

}  // namespace

template <typename T>
void adamw(Cuda, const AdamWStep&, const T*, int64_t, T*, T*, T*) {
  missing();
}
template <typename T>
int64_t causal_attention_workspace(Cuda, const AttentionShape&) {
  missing();
}
template <typename T>
void causal_attention(Cuda, const CausalAttention<T>&) {
  missing();
}
template <typename T>
int64_t causal_attention_backward_workspace(Cuda, const AttentionShape&) {
  missing();
}
template <typename T>
void causal_attention_backward(Cuda, const CausalAttentionBackward<T>&) {
  missing();
}
template <typename T>
void cached_attention(Cuda, const CachedAttention<T>&) {
  missing();
}
template <typename T>
void gather_columns(Cuda, const T*, const int32_t*, int64_t, int64_t, int64_t, T*) {
  missing();
}
template <typename T>
void gather_columns_backward(Cuda, const T*, const int32_t*, int64_t, int64_t, int64_t, T*) {
  missing();
}
template <typename T>
void largest_columns(Cuda, const T*, const T*, int64_t, int64_t, int64_t, int32_t*) {
  missing();
}
template <typename T>
void argmax(Cuda, const T*, int64_t, int64_t, int32_t*) {
  missing();
}
template <typename T>
void combine(Cuda, const CombineShape&, bool, const T*, const Exact<T>*, T*) {
  missing();
}
template <typename T>
void combine_backward(Cuda, const CombineBackward<T>&) {
  missing();
}
template <typename From, typename To>
void convert(Cuda, const From*, int64_t, To*) {
  missing();
}
template <typename T>
void fill(Cuda, T, int64_t, T*) {
  missing();
}
template <typename T>
void add_scaled(Cuda, const T*, Exact<T>, int64_t, T*) {
  missing();
}
template <typename T>
void scale(Cuda, Exact<T>, int64_t, T*) {
  missing();
}
template <typename T>
void add(Cuda, const T*, const T*, int64_t, T*) {
  missing();
}
template <typename T>
void sigmoid(Cuda, const T*, int64_t, T*) {
  missing();
}
template <typename T>
void sigmoid_backward(Cuda, const T*, const T*, int64_t, T*) {
  missing();
}
template <typename T>
void scale_by(Cuda, const Exact<T>*, int64_t, T*) {
  missing();
}
void add_up(Cuda, const double*, int64_t, double*) { missing(); }
template <typename T>
void add_squares(Cuda, const T*, int64_t, double*) {
  missing();
}
template <typename From, typename To>
void copy(Cuda, const StridedCopy&, const From*, To*) {
  missing();
}
template <typename T>
void add_turned(Cuda, const T*, int64_t, int64_t, T, T*) {
  missing();
}
template <typename T>
void latent_change(Cuda, const T*, const T*, int64_t, int64_t, bool, double*) {
  missing();
}
template <typename T>
void distribution_change(Cuda, const T*, int64_t, DistributionChange, double*, double*) {
  missing();
}
template <typename T>
void silu_gate(Cuda, const T*, int64_t, int64_t, T*) {
  missing();
}
template <typename T>
void silu_gate_backward(Cuda, const T*, const T*, int64_t, int64_t, T*) {
  missing();
}
template <typename T>
void gemm(Cuda, const GemmShape&, T, const T*, const T*, T, T*) {
  missing();
}
template <typename C>
void gemm_bf16(Cuda, const GemmShape&, const bfloat16*, const bfloat16*, bool, C*) {
  missing();
}
template <typename T>
void low_rank_down(Cuda, const T*, int64_t, int64_t, const Exact<T>*, int64_t, Exact<T>, Exact<T>*) {
  missing();
}
template <typename T>
void low_rank_up(Cuda, const Exact<T>*, int64_t, int64_t, const Exact<T>*, int64_t, T*) {
  missing();
}
template <typename T>
void low_rank_outer(Cuda, const Exact<T>*, int64_t, int64_t, const T*, int64_t, Exact<T>*) {
  missing();
}
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
template <typename T>
void uniform(Cuda, const PhiloxStream&, int64_t, double, int64_t, T*) {
  missing();
}
template <typename T>
void truncated_normal(Cuda, const PhiloxStream&, const NormalScale&, double, int64_t, T*) {
  missing();
}
template <typename T>
void truncated_normal_rows(Cuda, const PhiloxStream*, double, double, int64_t, int64_t, T*) {
  missing();
}
template <typename T>
void rms_norm(Cuda, const RmsNorm<T>&) {
  missing();
}
template <typename T>
void rms_norm_backward(Cuda, const RmsNormBackward<T>&) {
  missing();
}
template <typename T>
void rope(Cuda, const RopeShape&, const T*, const Exact<T>*, const float*, const int32_t*, T*) {
  missing();
}
template <typename T>
void rope_backward(Cuda, const RopeShape&, const RopeBackward<T>&) {
  missing();
}
template <typename Table, typename T>
void gather_rows(Cuda, const Table*, const int32_t*, int64_t, int64_t, Exact<T>, T*) {
  missing();
}
template <typename T, typename Table>
void scatter_add_rows(Cuda, const T*, const int32_t*, int64_t, int64_t, Exact<T>, Table*) {
  missing();
}
template <typename T>
void masked_mean(Cuda, const T*, const uint8_t*, int64_t, const int64_t*, int64_t, Exact<T>*) {
  missing();
}
template <typename T>
void masked_mean_backward(Cuda, const Exact<T>*, const uint8_t*, int64_t, const int64_t*, int64_t, T*) {
  missing();
}
template <typename T>
void softmax(Cuda, const T*, int64_t, int64_t, T*) {
  missing();
}
template <typename T>
void softmax_backward(Cuda, const T*, const T*, int64_t, int64_t, T*) {
  missing();
}
template <typename T>
void cross_entropy(Cuda, const CrossEntropy<T>&, double*) {
  missing();
}
template <typename T>
void cross_entropy_backward(Cuda, const CrossEntropy<T>&, double, const T*, T*) {
  missing();
}
template <typename T>
void cross_entropy_and_gradient(Cuda, const CrossEntropyAndGradient<T>&) {
  missing();
}
void copy_to_device(Cuda, const void*, std::size_t, void*) { missing(); }
void copy_to_host(Cuda, const void*, std::size_t, void*) { missing(); }

#define MODR_OF_TYPE(T)                                                                                            \
  template void latent_change(Cuda, const T*, const T*, int64_t, int64_t, bool, double*);                          \
  template void distribution_change(Cuda, const T*, int64_t, DistributionChange, double*, double*);                \
  template void adamw(Cuda, const AdamWStep&, const T*, int64_t, T*, T*, T*);                                      \
  template int64_t causal_attention_workspace<T>(Cuda, const AttentionShape&);                                     \
  template void causal_attention(Cuda, const CausalAttention<T>&);                                                 \
  template int64_t causal_attention_backward_workspace<T>(Cuda, const AttentionShape&);                            \
  template void causal_attention_backward(Cuda, const CausalAttentionBackward<T>&);                                \
  template void cached_attention(Cuda, const CachedAttention<T>&);                                                 \
  template void gather_columns(Cuda, const T*, const int32_t*, int64_t, int64_t, int64_t, T*);                     \
  template void gather_columns_backward(Cuda, const T*, const int32_t*, int64_t, int64_t, int64_t, T*);            \
  template void largest_columns(Cuda, const T*, const T*, int64_t, int64_t, int64_t, int32_t*);                    \
  template void argmax(Cuda, const T*, int64_t, int64_t, int32_t*);                                                \
  template void combine(Cuda, const CombineShape&, bool, const T*, const Exact<T>*, T*);                           \
  template void combine_backward(Cuda, const CombineBackward<T>&);                                                 \
  template void fill(Cuda, T, int64_t, T*);                                                                        \
  template void add_scaled(Cuda, const T*, Exact<T>, int64_t, T*);                                                 \
  template void scale(Cuda, Exact<T>, int64_t, T*);                                                                \
  template void add(Cuda, const T*, const T*, int64_t, T*);                                                        \
  template void sigmoid(Cuda, const T*, int64_t, T*);                                                              \
  template void sigmoid_backward(Cuda, const T*, const T*, int64_t, T*);                                           \
  template void scale_by(Cuda, const Exact<T>*, int64_t, T*);                                                      \
  template void add_squares(Cuda, const T*, int64_t, double*);                                                     \
  template void add_turned(Cuda, const T*, int64_t, int64_t, T, T*);                                               \
  template void silu_gate(Cuda, const T*, int64_t, int64_t, T*);                                                   \
  template void silu_gate_backward(Cuda, const T*, const T*, int64_t, int64_t, T*);                                \
  template void gemm(Cuda, const GemmShape&, T, const T*, const T*, T, T*);                                        \
  template void low_rank_down(Cuda, const T*, int64_t, int64_t, const Exact<T>*, int64_t, Exact<T>, Exact<T>*);    \
  template void low_rank_up(Cuda, const Exact<T>*, int64_t, int64_t, const Exact<T>*, int64_t, T*);                \
  template void low_rank_outer(Cuda, const Exact<T>*, int64_t, int64_t, const T*, int64_t, Exact<T>*);             \
  template void uniform(Cuda, const PhiloxStream&, int64_t, double, int64_t, T*);                                  \
  template void truncated_normal(Cuda, const PhiloxStream&, const NormalScale&, double, int64_t, T*);              \
  template void truncated_normal_rows(Cuda, const PhiloxStream*, double, double, int64_t, int64_t, T*);            \
  template void rms_norm(Cuda, const RmsNorm<T>&);                                                                 \
  template void rms_norm_backward(Cuda, const RmsNormBackward<T>&);                                                \
  template void rope(Cuda, const RopeShape&, const T*, const Exact<T>*, const float*, const int32_t*, T*);         \
  template void rope_backward(Cuda, const RopeShape&, const RopeBackward<T>&);                                     \
  template void masked_mean(Cuda, const T*, const uint8_t*, int64_t, const int64_t*, int64_t, Exact<T>*);          \
  template void masked_mean_backward(Cuda, const Exact<T>*, const uint8_t*, int64_t, const int64_t*, int64_t, T*); \
  template void softmax(Cuda, const T*, int64_t, int64_t, T*);                                                     \
  template void softmax_backward(Cuda, const T*, const T*, int64_t, int64_t, T*);                                  \
  template void cross_entropy(Cuda, const CrossEntropy<T>&, double*);                                              \
  template void cross_entropy_backward(Cuda, const CrossEntropy<T>&, double, const T*, T*);                        \
  template void cross_entropy_and_gradient(Cuda, const CrossEntropyAndGradient<T>&);
MODR_OF_TYPE(float)
MODR_OF_TYPE(double)
MODR_OF_TYPE(bfloat16)

#define MODR_OF_TYPES(From, To)                           \
  template void convert(Cuda, const From*, int64_t, To*); \
  template void copy(Cuda, const StridedCopy&, const From*, To*);
#define MODR_FROM(From)       \
  MODR_OF_TYPES(From, float)  \
  MODR_OF_TYPES(From, double) \
  MODR_OF_TYPES(From, bfloat16)
MODR_FROM(float)
MODR_FROM(double)
MODR_FROM(bfloat16)

#define MODR_ROWS(Table, T)                                                                      \
  template void gather_rows(Cuda, const Table*, const int32_t*, int64_t, int64_t, Exact<T>, T*); \
  template void scatter_add_rows(Cuda, const T*, const int32_t*, int64_t, int64_t, Exact<T>, Table*);
MODR_ROWS(float, float)
MODR_ROWS(double, double)
MODR_ROWS(bfloat16, bfloat16)
MODR_ROWS(float, bfloat16)

#define MODR_PRODUCT(C)                                                                        \
  template void gemm_bf16(Cuda, const GemmShape&, const bfloat16*, const bfloat16*, bool, C*); \
  template void packed_gemm(Cuda, const PackedGemm&, const bfloat16*, const std::byte*, C*);   \
  template void packed_gemm_back(Cuda, const PackedGemm&, const bfloat16*, const std::byte*, C*);
MODR_PRODUCT(float)
MODR_PRODUCT(bfloat16)

#define MODR_PACKED(S)                                                             \
  template void pack(Cuda, int64_t, int64_t, const S*, int64_t, bool, std::byte*); \
  template void unpack(Cuda, int64_t, int64_t, const std::byte*, S*);
MODR_PACKED(float)
MODR_PACKED(bfloat16)

}  // namespace modr::kernels

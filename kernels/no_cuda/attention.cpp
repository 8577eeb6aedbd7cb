#include "kernels/api/attention.hpp"
#include "kernels/no_cuda/missing.hpp"

namespace modr::kernels {

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

int64_t attention_room_on_gpu(const AttentionShape&) { return 0; }

#define MODR_OF_TYPE(T)                                                                 \
  template int64_t causal_attention_workspace<T>(Cuda, const AttentionShape&);          \
  template void causal_attention(Cuda, const CausalAttention<T>&);                      \
  template int64_t causal_attention_backward_workspace<T>(Cuda, const AttentionShape&); \
  template void causal_attention_backward(Cuda, const CausalAttentionBackward<T>&);     \
  template void cached_attention(Cuda, const CachedAttention<T>&);
MODR_OF_TYPE(float)
MODR_OF_TYPE(double)
MODR_OF_TYPE(bfloat16)

}  // namespace modr::kernels

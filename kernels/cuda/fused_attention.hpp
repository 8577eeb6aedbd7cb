#pragma once
// Attention in bf16 by a vendor's fused kernels, those of cuDNN.
#include "kernels/api/attention.hpp"
#include "kernels/cuda/fused_attention_plan.hpp"

namespace modr::kernels {

/// causal_attention() by cuDNN. False, and nothing is done, where our own kernel is to: cuDNN is not to be had or does
/// not take the case (head_dim is to be a multiple of 16), or MODR_CUDNN=off stands in the environment. A stream that
/// is captured must have seen the shape before.
bool attend_fused(Cuda on, const CausalAttention<bfloat16>& args);
/// The same of causal_attention_backward(): equal calls give equal bits, as of our own. `delta` stays as it is.
bool attend_backward_fused(Cuda on, const CausalAttentionBackward<bfloat16>& args);

/// What each of the calls does that one of these makes: rounded up, so that few plans are made. Backward, cuDNN's way
/// without atomics keeps the gradients of all scores in bf16: a call has no more of them than `most_fused_scores` bytes
/// (but always those of one head of one sequence).
FusedShape fused_calls(const AttentionShape& shape, bool backward);
inline int64_t most_fused_scores = 512 << 20;
/// Bytes that a call needs at most beside its tensors.
int64_t fused_workspace(const FusedShape& call);

template <typename T>
bool attend_fused(Cuda, const CausalAttention<T>&) {
  return false;
}
template <typename T>
bool attend_backward_fused(Cuda, const CausalAttentionBackward<T>&) {
  return false;
}

}  // namespace modr::kernels

#pragma once
// What one call of cuDNN computes: attention of some sequences and heads. (cudnn/plan.cpp; without cuDNN
// cudnn/no_cudnn.cpp.)
#include <compare>
#include <cstdint>
#include <memory>
#include <string>

#include "kernels/api/place.hpp"

namespace modr::kernels {

/// Causal attention in bf16 with scale 1 / sqrt(head_dim), of the first `heads` of all those that a row has.
struct FusedShape {
  bool backward;
  int64_t sequences, longest;  // at most: a sequence may have no rows
  int64_t heads, row_heads, head_dim;
  friend auto operator<=>(const FusedShape&, const FusedShape&) = default;
};

/// Where it all is, on the device: each from the first of its heads on.
struct FusedTensors {
  // The first element of each sequence, and of what is behind the last, [sequences + 1]: in qkv and dqkv, in out and
  // dout, in log_sum_exp. And the rows of each, [sequences].
  const int64_t *in_qkv, *in_out, *in_log_sum_exp;
  const int32_t* lengths;
  const void* qkv;     // [rows, 3, row_heads, head_dim]
  void* out;           // [rows, row_heads, head_dim]
  float* log_sum_exp;  // [rows, heads]; these two are written forward and read backward
  const void* dout;    // backward alone
  void* dqkv;
  void* workspace;
};

class FusedPlan {
 public:
  virtual ~FusedPlan() = default;
  /// Bytes.
  virtual int64_t workspace() const = 0;
  /// Which of how many ways, in cuDNN's words.
  virtual std::string name() const = 0;
  /// In the stream's order, by one thread at a time. Throws Error.
  virtual void run(Cuda on, const FusedTensors& tensors) const = 0;
};

/// A plan, or why there is none.
struct FusedOffer {
  std::unique_ptr<const FusedPlan> plan;
  std::string refusal;
};

/// Whether there can be any.
bool has_fused_attention();

/// Takes about a second: cuDNN compiles. Says once why there is none.
FusedOffer plan_fused_attention(Cuda on, const FusedShape& shape);
/// For a GPU that need not be here, described as cuDNN does (JSON): a plan that cannot be run.
FusedOffer plan_fused_attention(const std::string& gpu, const FusedShape& shape);

}  // namespace modr::kernels

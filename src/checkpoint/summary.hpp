#pragma once
// What a checkpoint holds, in numbers, for `modr inspect`.
#include <cstdint>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "checkpoint/digest.hpp"

namespace modr {

/// Values that are not finite are counted and left out of all other numbers.
struct TensorStats {
  double norm = 0;  // square root of the sum of squares
  double min = 0, max = 0, mean = 0, deviation = 0;
  int64_t num_not_finite = 0;
};
TensorStats stats_of(const Tensor& tensor);

struct WeightSummary {
  std::string name;
  Shape shape;
  std::string type;  // as stored, e.g. "f32"
  bool trainable = false;
  TensorStats stats;
};

/// A linear layer with LoRA branches: B_j A_j is what branch j adds to its weight, times alpha / rank.
struct LoraSummary {
  std::string target;         // e.g. "transformer.core_block.0.attn.Wqkv"
  int64_t rank = 0;
  std::vector<double> norms;  // ||B_j A_j|| (Frobenius) of every branch j, without alpha / rank
};

struct CheckpointSummary {
  std::vector<WeightSummary> weights;  // sorted by name
  std::vector<LoraSummary> lora;
  std::vector<double> router_bias;     // empty without a router
  int64_t num_optimizer_tensors = 0;
  int64_t num_optimizer_values = 0;
  Digest weights_digest;
  Digest optimizer_digest;             // only with `with_optimizer`

  int64_t num_values(bool trainable) const;
};

/// Reads every weight, one at a time, and, with `with_optimizer`, the optimizer's tensors for their digest. Throws
/// Error.
CheckpointSummary summarise(const CheckpointReader& reader, bool with_optimizer);

/// ||B_j A_j|| for every branch j, for A [N, R, in] and B [N, out, R], from the R x R matrices A A^T and B^T B.
/// Throws Error when the shapes do not fit.
std::vector<double> lora_product_norms(const Tensor& a, const Tensor& b);

}  // namespace modr

#pragma once
// How parameters are updated: AdamW, its learning rate over the steps, and gradient clipping.
#include <cstdint>
#include <string_view>

namespace modr {

/// How the learning rate falls at the end of a run.
enum class DecayShape { linear, cosine };

/// "linear" or "cosine".
std::string_view name_of(DecayShape shape);
/// The inverse of name_of(); throws Error that lists the known words.
DecayShape parse_decay_shape(std::string_view name);

struct OptimConfig {
  double lr = 1e-3;            ///< peak learning rate
  double beta1 = 0.9;          ///< memory of the gradient's running mean
  double beta2 = 0.95;         ///< memory of the squared gradient's running mean
  double eps = 1e-8;           ///< added to the root of the second moment
  double weight_decay = 0.1;   ///< decoupled: a step takes lr * weight_decay of the weight away
  bool decay_vectors = false;  ///< decay norms and biases too, not only matrices
  double clip_norm = 1.0;      ///< largest global norm of the gradients; 0 switches clipping off

  int64_t warmup_steps = 100;    ///< first steps, with a linearly rising learning rate
  int64_t decay_steps = 0;       ///< last steps, with a falling one; 0: decay_fraction of all steps
  double decay_fraction = 0.1;   ///< read when decay_steps is 0; 0: no decay
  DecayShape decay_shape = DecayShape::linear;
  double min_lr = 0;             ///< where the decay ends

  /// Throws Error that names the field, what is expected and what was found.
  void validate() const;
};

}  // namespace modr

#pragma once
// The model that benchmarks run, and how much there is to do in it: products only, a multiplication and an addition
// being two operations.
#include <cstdint>
#include <string>

#include "model/modr_model.hpp"
#include "tools/cli/command_line.hpp"

namespace modr::tools {

/// Sizes of the model as options; the defaults are those of the goals.
struct BenchModel {
  int64_t n_embd = 1024, n_heads = 16, intermediate_size = 3584, vocab_size = 65536;
  int64_t prelude = 2, core = 4, coda = 2;  ///< layers
  DType dtype = DType::f32;
  Device device = cpu_device;
  int64_t product_size = 0;  ///< of the square product that rates are held against; 0: 1024, on a GPU 8192

  void add_to(CommandLine& line);
  TensorType type() const { return {dtype, device}; }
  /// With tied embeddings and room for `block_size` tokens. Throws UsageError for impossible sizes.
  ModelConfig config(int64_t block_size) const;
  /// "E 1024, H 16, F 3584, V 65536, layers 2+4+2, f32", and the device where it is not the CPU
  std::string text() const;
};

/// Operations of a training step by phase.
struct StepOperations {
  double no_grad = 0;    ///< recurrences without gradient
  double with_grad = 0;  ///< forward: prelude, recurrences with gradient, coda, head
  double head_gradients = 0;
  double backward = 0;  ///< of all but the head
  double total() const { return no_grad + with_grad + head_gradients + backward; }
};

/// Operations of a step over `sequences` of `seq_len` tokens. Attention counts its causal half; nothing that is
/// computed twice counts twice.
StepOperations count_operations(const ModelConfig& config, int64_t sequences, int64_t seq_len, const Depth& depth,
                                Trainable trainable);

/// Values of weights that a pass over the model reads, norms left out.
struct PassWeights {
  int64_t once = 0;             ///< prelude, e's part of the adapter, coda, head
  int64_t each_recurrence = 0;  ///< the core with the state's part of the adapter
  int64_t values(int64_t num_steps) const { return once + num_steps * each_recurrence; }
};
PassWeights count_pass_weights(const ModelConfig& config);

}  // namespace modr::tools

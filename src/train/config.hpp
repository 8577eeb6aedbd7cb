#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/dtype.hpp"
#include "model/modr_model.hpp"

namespace modr {

/// What is trained: a backbone from scratch, one LoRA with gate 1, or routed branches.
enum class TrainMode { pretrain, lora, modr };

std::string_view name_of(TrainMode mode);
std::string_view name_of(Recompute recompute);
std::string_view name_of(Trainable trainable);
/// The inverses of name_of(); throw Error that lists the known words.
TrainMode parse_train_mode(std::string_view name);
Recompute parse_recompute(std::string_view name);
Trainable parse_trainable(std::string_view name);

/// Which steps are skipped rather than taken, see LossGuard.
struct GuardConfig {
  int64_t window = 128;     ///< accepted steps that a new one is compared with; at least 32
  double z_score = 8;       ///< standard deviations above their mean that are too many; 0: any finite number will do
  int64_t max_skipped = 5;  ///< skipped steps in a row that the job survives
};

/// The training loop (section `train` of a run file).
struct TrainConfig {
  TrainMode mode = TrainMode::pretrain;
  Trainable trainable = Trainable::all;  ///< follows from the mode unless the file says otherwise
  std::string init_from = {};            ///< a checkpoint whose weights the run starts from; empty or `scratch`: none
  std::string output = {};               ///< the run's folder; empty: runs/<name of the run>
  int64_t steps = 1000;
  int64_t global_batch = 32;       ///< sequences a step, over all ranks
  int64_t microbatch = 16;         ///< sequences a forward pass on one rank, at most
  int64_t num_steps_no_grad = -1;  ///< with num_steps_with_grad: a fixed depth; -1: drawn anew at every step
  int64_t num_steps_with_grad = -1;
  Recompute recompute = Recompute::none;
  DType dtype = DType::f32;        ///< of rows between layers; weights, optimizer and loss are exact(dtype)
  std::string device = "auto";     ///< where a rank computes: cpu, cuda, cuda:N or auto (a GPU where there is one)
  int64_t log_every = 10;          ///< steps between lines on the terminal (metrics.jsonl has every step)
  int64_t checkpoint_every = 0;    ///< steps between checkpoints; 0: only at the end
  int64_t keep_checkpoints = 3;    ///< the newest that are kept; 0: all
  int64_t keep_every = 0;          ///< those of steps that this divides are kept besides; 0: none
  bool async_save = true;          ///< saves from a copy, beside the next steps; takes the memory of the copy
  double stop_margin_s = 60;       ///< before a time limit the run is saved this much earlier than seems needed
  GuardConfig guard;

  static constexpr const char* any_device = "auto";
  static constexpr const char* scratch = "scratch";  ///< has to be said where branches get a random backbone
  bool starts_from_checkpoint() const { return !init_from.empty() && init_from != scratch; }
  bool has_fixed_depth() const { return num_steps_with_grad >= 0; }
  /// Whether there are saves with steps behind them, made from a copy.
  bool saves_beside_training() const { return async_save && checkpoint_every > 0 && checkpoint_every < steps; }
  /// Throws Error that names the field ("train.<field>"), what is expected and what was found.
  void validate() const;
};

}  // namespace modr

#pragma once
#include <span>
#include <string>
#include <vector>

#include "tools/verify/computed.hpp"
#include "tools/verify/golden_file.hpp"

namespace modr::tools {

/// What is allowed, as max|difference| / max|reference| (the loss: absolute). Infinity: any finite error.
struct Tolerances {
  double logits, states, gradients, loss;
  double logits_f32, loss_f32;  // against PyTorch's own float32 run, which is off by itself
};

/// A part of a golden file. A new kind of file is a row more in the table (parts.cpp) and a function that computes what
/// it must hold. It reads its inputs through GoldenFile (which is what makes them inputs), takes only shapes and
/// attributes of what it is to be compared with, and puts what it computed into Computed under the dataset's name.
struct VerifyPart {
  std::vector<std::string> announced_by;  // any of these objects in a file says that it has this part
  void (*compute)(const GoldenFile& golden, const ModrModel& model, const Tolerances& allowed, Computed& computed);
};

/// All that `modr verify` knows.
std::span<const VerifyPart> verify_parts();

/// Runs the parts that the file has.
Computed compute_parts(const GoldenFile& golden, TensorType type);

/// The forward and backward pass: every latent, logits, loss, every gradient, routes, counts and the updated bias.
void compute_forward(const GoldenFile& golden, const ModrModel& model, const Tolerances& allowed, Computed& computed);

/// Greedy decoding over a key-value cache: words, logits and routes of every step.
void compute_generation(const GoldenFile& golden, const ModrModel& model, const Tolerances& allowed,
                        Computed& computed);

/// Whether a file is of upstream's cache policies: its root names one.
bool is_of_cache_policy(const GoldenFile& golden);

/// A run of compute_generation() whose calls have their own numbers of recurrences, over the file's cache policy; where
/// upstream raises, an error.
void compute_run_of_many_depths(const GoldenFile& golden, const ModrModel& model, const std::string& group,
                                const Tolerances& allowed, Computed& computed);

/// Given tokens in calls of several, over the file's cache policy: logits of every token.
void compute_chunks(const GoldenFile& golden, const ModrModel& model, const Tolerances& allowed, Computed& computed);

/// Per-token early exit in generation and token by token: words, steps, criteria, states and logits.
void compute_adaptive(const GoldenFile& golden, const ModrModel& model, const Tolerances& allowed, Computed& computed);

}  // namespace modr::tools

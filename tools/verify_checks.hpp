#pragma once
#include "tools/golden_file.hpp"
#include "tools/verify_report.hpp"

namespace modr::tools {

/// The forward and backward pass: every latent, logits, loss, every gradient, routes, counts and the updated bias.
void verify_forward(const GoldenFile& golden, DType dtype, const Tolerances& tolerances, VerifyReport& report);

/// Greedy decoding over a key-value cache: words, logits and routes of every step.
void verify_generation(const GoldenFile& golden, DType dtype, const Tolerances& tolerances, VerifyReport& report);

/// Per-token early exit in generation and token by token: words, steps, criteria, states and logits.
void verify_adaptive(const GoldenFile& golden, DType dtype, const Tolerances& tolerances, VerifyReport& report);

}  // namespace modr::tools

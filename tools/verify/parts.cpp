#include "tools/verify/parts.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "base/error.hpp"

namespace modr::tools {

namespace {

// float32 as the golden files' README allows it; float64 with the stored RoPE table; bf16 by PyTorch's own errors in it
// (README, "Measured"), with states and gradients for the record. PyTorch's float32 logits are within 8e-6 of float64
// there, and upstream's README asks that float32 never be held to less than 5e-5.
Tolerances tolerances_of(DType dtype, bool branches) {
  constexpr double any = std::numeric_limits<double>::infinity();
  if (dtype == DType::f64) return {1e-11, 1e-11, 1e-11, 1e-11, 5e-5, 1e-5};
  if (dtype == DType::bf16) {
    const double logits = branches ? 1.1e-1 : 1.8e-1;
    return {logits, any, any, 5e-2, logits, 5e-2};
  }
  return {5e-5, 5e-5, branches ? 1e-4 : 2e-4, 1e-5, 5e-5, 1e-5};
}

const std::array<VerifyPart, 4> table{{
    {{"input_ids", "expected"}, compute_forward},
    {{"generation"}, compute_generation},
    {{"chunks"}, compute_chunks},
    {{"adaptive", "forward_adaptive"}, compute_adaptive},
}};

}  // namespace

std::span<const VerifyPart> verify_parts() { return table; }

Computed compute_parts(const GoldenFile& golden, TensorType type) {
  const Tolerances allowed = tolerances_of(type.dtype, golden.has_branches());
  Computed computed;
  for (const VerifyPart& part : verify_parts()) {
    if (!std::ranges::any_of(part.announced_by, [&](const std::string& object) { return golden.has(object); }))
      continue;
    // A model of its own: gradients must not meet those of another part.
    part.compute(golden, *golden.model(type), allowed, computed);
  }
  return computed;
}

}  // namespace modr::tools

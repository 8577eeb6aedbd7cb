#pragma once
#include "autograd/variable.hpp"

namespace modr::ops {

/// RMSNorm over the last dimension: x [..., width], weight [width], exact beside x of bf16. Keeps x and one number a
/// row for backward.
Variable rms_norm(const Variable& x, const Variable& weight, double eps);

/// rms_norm(x + residual) in one pass over memory, and one back; the sum is neither stored nor rounded. Keeps x, the
/// residual (which others mostly keep too) and one number a row.
Variable add_rms_norm(const Variable& x, const Variable& residual, const Variable& weight, double eps);

}  // namespace modr::ops

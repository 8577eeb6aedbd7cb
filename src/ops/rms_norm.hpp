#pragma once
#include "autograd/variable.hpp"

namespace modr::ops {

/// RMSNorm over the last dimension: x [..., width], weight [width]. Keeps x and one number a row for backward.
Variable rms_norm(const Variable& x, const Variable& weight, double eps);

}  // namespace modr::ops

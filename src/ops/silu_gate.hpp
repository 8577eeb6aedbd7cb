#pragma once
#include "autograd/variable.hpp"

namespace modr::ops {

/// silu(a) * b of rows [a, b]: ab [..., 2 * width], result [..., width] (SwiGLU, Shazeer 2020). Keeps ab.
Variable silu_gate(const Variable& ab);

}  // namespace modr::ops

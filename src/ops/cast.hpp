#pragma once
#include "autograd/variable.hpp"

namespace modr::ops {

/// x in another dtype, and its gradient in x's; x itself where it is of that dtype. Keeps nothing.
Variable cast(const Variable& x, DType dtype);

}  // namespace modr::ops

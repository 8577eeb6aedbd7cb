#pragma once
#include "autograd/variable.hpp"

namespace modr::ops {

/// a + b of equal shapes.
Variable add(const Variable& a, const Variable& b);

}  // namespace modr::ops

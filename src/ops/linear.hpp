#pragma once
#include "autograd/variable.hpp"

namespace modr::ops {

/// y = x W^T: x [..., in], weight [out, in], y [..., out].
Variable linear(const Variable& x, const Variable& weight);

/// y = x W[:, first : first + in]^T + addend: the part of a wider product that belongs to some of its inputs.
/// x [..., in], weight [out, >= first + in], addend [..., out] or undefined (none).
Variable linear_columns(const Variable& x, const Variable& weight, int64_t first, const Variable& addend = {});

}  // namespace modr::ops

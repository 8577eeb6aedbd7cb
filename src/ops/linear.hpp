#pragma once
#include "autograd/variable.hpp"
#include "ops/matmul.hpp"

namespace modr::ops {

/// y = x W^T: x [..., in], weight [out, in], y [..., out]. `packed` is the weight's pack_weight() for x's dtype; without
/// it the weight is packed for this product alone.
Variable linear(const Variable& x, const Variable& weight, const PackedWeight& packed = {});

/// The same with the result of exact(x.dtype()), not rounded to x's: for logits.
Variable linear_exact(const Variable& x, const Variable& weight, const PackedWeight& packed = {});

/// y = x W[:, first : first + in]^T + addend: the part of a wider product that belongs to some of its inputs.
/// x [..., in], weight [out, >= first + in], addend [..., out] or undefined (none); `packed` of those columns.
Variable linear_columns(const Variable& x, const Variable& weight, int64_t first, const Variable& addend = {},
                        const PackedWeight& packed = {});

}  // namespace modr::ops

#pragma once
#include "autograd/variable.hpp"
#include "ops/index.hpp"

namespace modr::ops {

/// cos and sin of position * base^(-2i / head_dim), [positions, head_dim / 2, 2], computed and kept in float32 as the
/// upstream model does (Su et al. 2021).
Tensor rope_table(int64_t positions, int64_t head_dim, double base, Device device = cpu_device);

/// Adds qk_bias [2, 1, heads, head_dim] (undefined: none) to q and k of a fused projection [rows, 3 * heads *
/// head_dim] and rotates both by the angles of the rows' positions. Throws Error for a position outside the table.
Variable rope(const Variable& qkv, const Variable& qk_bias, const Tensor& table, const Indices& positions);

}  // namespace modr::ops

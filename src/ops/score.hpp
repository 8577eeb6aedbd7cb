#pragma once
// The small ops of the router, from the states to the gates of the chosen branches. Scores are exact.
#include "autograd/variable.hpp"
#include "ops/index.hpp"

namespace modr::ops {

/// Mean over each group's rows, without masked ones: x [rows, width], result [groups, width], exact. `groups` are
/// boundaries of consecutive rows. Throws Error when a group has no real row.
Variable masked_mean(const Variable& x, const Offsets& groups, const RowMask& mask);

Variable sigmoid(const Variable& x);

/// Over the last dimension.
Variable softmax(const Variable& x);

/// out[i][j] = x[i][columns[i * choices + j]]: x [rows, width], result [rows, choices].
Variable gather_columns(const Variable& x, const Indices& columns, int64_t choices);

}  // namespace modr::ops

#pragma once
// The small ops of the router, from the states to the gates of the chosen branches. Scores are exact.
#include <vector>

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

/// The columns of the `count` largest of every row of scores [rows, n] + bias [n], best first, [rows, count]: ties go
/// to the lower column, a NaN loses. A counted copy to the host, see DeviceBuffer; no gradient.
std::vector<int32_t> largest_columns(const Tensor& scores, const Tensor& bias, int64_t count);

/// log softmax(logits[rows[i]])[columns[i]] in double, of logits [n, vocab]; NaN as soon as one of the row's logits is.
/// A counted copy to the host; no gradient.
std::vector<double> log_probabilities(const Tensor& logits, const Indices& rows, const Indices& columns);

/// The column of the largest value of every row of x [rows, n], ties to the lower; -1 where one of them is NaN or the
/// largest is infinite. A counted copy to the host; no gradient.
std::vector<int32_t> argmax(const Tensor& x);

}  // namespace modr::ops

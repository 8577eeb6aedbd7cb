#pragma once
#include "autograd/variable.hpp"
#include "ops/index.hpp"

namespace modr::ops {

/// cross_entropy(linear(features, head), labels, weight) that never holds more than some rows of logits: features
/// [rows, width], head [vocab, width] of exact(features.dtype()), or frozen of features.dtype(), an exact scalar
/// result. Rows without a label take no part in any product. The gradients are computed right here, while a chunk's
/// logits are at hand, so backward only scales them; kept are those of the head and of the rows with a label. Throws
/// Error for a label outside the vocabulary.
Variable linear_cross_entropy(const Variable& features, const Variable& head, const Indices& labels, double weight);

/// How many of `rows` rows of logits it holds at once, the head being of `dtype`.
int64_t rows_of_chunk(int64_t rows, int64_t vocab, DType dtype);

}  // namespace modr::ops

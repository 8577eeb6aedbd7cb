#pragma once
#include "autograd/variable.hpp"
#include "ops/index.hpp"

namespace modr::ops {

/// Labels with this value take no part in the loss.
inline constexpr int32_t ignored_label = -100;

/// Throws Error unless there is a label for each of `rows` rows, ignored or inside the vocabulary.
void check_labels(const Indices& labels, int64_t rows, int64_t vocab);

/// weight * sum over rows of -log softmax(logits)[label]: logits [rows, vocab], a scalar result. The weight is one over
/// the number of label tokens of the whole step, over all ranks. Throws Error for a label outside the vocabulary.
Variable cross_entropy(const Variable& logits, const Indices& labels, double weight);

}  // namespace modr::ops

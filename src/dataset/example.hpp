#pragma once
#include <cstdint>
#include <vector>

namespace modr {

/// The label of a position that takes no part in the loss.
inline constexpr int32_t kIgnoreLabel = -100;

/// A row of training data. labels[i] is what the model should say at position i, i.e. the labels are already shifted:
/// the model's logits[i] meet labels[i]. Both have the same size.
struct Example {
  std::vector<int32_t> tokens;
  std::vector<int32_t> labels;
  std::vector<int64_t> documents = {};  // tokens of each of those that share the row, in order; empty: it is one

  int64_t num_documents() const { return documents.empty() ? 1 : static_cast<int64_t>(documents.size()); }
};

}  // namespace modr

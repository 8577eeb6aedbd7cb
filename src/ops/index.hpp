#pragma once
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace modr {

/// Row indices, positions or labels that an op and its backward share; immutable.
using Indices = std::shared_ptr<const std::vector<int32_t>>;
/// Boundaries of consecutive row groups: group j is rows [offsets[j], offsets[j + 1]).
using Offsets = std::shared_ptr<const std::vector<int64_t>>;
/// 1 for real rows, 0 for padding; null when all are real.
using RowMask = std::shared_ptr<const std::vector<uint8_t>>;

inline Indices make_indices(std::vector<int32_t> values) {
  return std::make_shared<const std::vector<int32_t>>(std::move(values));
}
inline Offsets make_offsets(std::vector<int64_t> values) {
  return std::make_shared<const std::vector<int64_t>>(std::move(values));
}
inline RowMask make_mask(std::vector<uint8_t> values) {
  return std::make_shared<const std::vector<uint8_t>>(std::move(values));
}

}  // namespace modr

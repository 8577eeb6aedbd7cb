#pragma once
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "tensor/device_buffer.hpp"

namespace modr {

/// Row indices, positions or labels that an op and its backward share; immutable.
using Indices = std::shared_ptr<const DeviceArray<int32_t>>;
/// Boundaries of consecutive pieces: piece j is rows [offsets[j], offsets[j + 1]); the first is 0.
using Offsets = std::shared_ptr<const DeviceArray<int64_t>>;
/// 1 for real rows, 0 for padding; null when all are real.
using RowMask = std::shared_ptr<const DeviceArray<uint8_t>>;

/// Consecutive rows of one branch.
struct RowGroup {
  int64_t branch, begin, end;
  bool operator==(const RowGroup&) const = default;
};
/// Segments that cover all rows in order. A branch may own several: rows that came from several ranks are sorted by
/// branch within each rank's part only.
using RowGroups = std::shared_ptr<const std::vector<RowGroup>>;

inline Indices make_indices(std::vector<int32_t> values) {
  return std::make_shared<const DeviceArray<int32_t>>(std::move(values));
}
inline Offsets make_offsets(std::vector<int64_t> values) {
  return std::make_shared<const DeviceArray<int64_t>>(std::move(values));
}
inline RowMask make_mask(std::vector<uint8_t> values) {
  return std::make_shared<const DeviceArray<uint8_t>>(std::move(values));
}

/// `count` pieces of `length` rows each.
Offsets uniform_offsets(int64_t count, int64_t length);

/// Neighbours of the same branch become one segment, empty ones go. Throws Error when the segments do not follow each
/// other from row 0 on.
RowGroups make_row_groups(const std::vector<RowGroup>& segments);

}  // namespace modr

#include "ops/index.hpp"

#include "base/error.hpp"

namespace modr {

Offsets uniform_offsets(int64_t count, int64_t length) {
  MODR_CHECK(count >= 0 && length >= 0, "{} pieces of {} rows", count, length);
  std::vector<int64_t> offsets;
  offsets.reserve(static_cast<std::size_t>(count) + 1);
  for (int64_t piece = 0; piece <= count; ++piece) offsets.push_back(piece * length);
  return make_offsets(std::move(offsets));
}

RowGroups make_row_groups(const std::vector<RowGroup>& segments) {
  std::vector<RowGroup> groups;
  int64_t covered = 0;
  for (const RowGroup& segment : segments) {
    MODR_CHECK(segment.branch >= 0 && segment.begin == covered && segment.end >= segment.begin,
               "rows [{}, {}) of branch {} after row {}", segment.begin, segment.end, segment.branch, covered);
    covered = segment.end;
    if (segment.begin == segment.end) continue;
    if (!groups.empty() && groups.back().branch == segment.branch) {
      groups.back().end = segment.end;
    } else {
      groups.push_back(segment);
    }
  }
  return std::make_shared<const std::vector<RowGroup>>(std::move(groups));
}

}  // namespace modr

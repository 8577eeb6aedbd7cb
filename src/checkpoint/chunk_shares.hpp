#pragma once
#include <cstddef>
#include <span>
#include <vector>

namespace modr {

/// Who of `holders` ranks that all hold some chunks writes each of them: 0 <= writer < holders. A function of the sizes
/// alone, so that all of them come to the same. The largest chunk goes first, each to the rank that has least to write
/// yet. So nobody writes more than the mean and one chunk: no even share exists where there is not a chunk for each,
/// and from two chunks a rank on none is more than 1.5 times the mean.
std::vector<int> deal_chunks(std::span<const std::size_t> chunk_bytes, int holders);

}  // namespace modr

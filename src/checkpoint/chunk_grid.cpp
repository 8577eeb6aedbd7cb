#include "checkpoint/chunk_grid.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/integer.hpp"

namespace modr {

ChunkGrid::ChunkGrid(const Shape& shape, std::size_t value_bytes) : shape_(shape), chunk_(shape.dims()) {
  MODR_CHECK(shape.rank() > 0 && shape.numel() > 0, "shape {} cannot be chunked", shape.to_string());
  constexpr int64_t kBytes = int64_t{1} << 20, kMostChunks = 1024;
  const int64_t value = static_cast<int64_t>(value_bytes), bytes = shape.numel() * value;
  const int64_t most = std::max(kBytes, bytes / kMostChunks);  // bytes of a chunk
  inner_ = shape.numel() / shape[0];
  std::size_t dim = 0;
  const auto cuts_here = [&] {
    const bool spans_branches = dim == 0 && shape.rank() >= 3 && shape[0] > 1;
    return dim + 1 == chunk_.size() || (!spans_branches && 2 * inner_ * value <= most);
  };
  for (; !cuts_here(); ++dim) {
    outer_ *= chunk_[dim];
    chunk_[dim] = 1;
    inner_ /= chunk_[dim + 1];
  }
  size_ = chunk_[dim];
  const int64_t rows = std::max<int64_t>(most / (inner_ * value), 1);
  const int64_t least_parts = ceil_div(size_, rows);
  cut_ = ceil_div(size_, least_parts);
  parts_ = ceil_div(size_, cut_);
  chunk_[dim] = cut_;
}

Slice ChunkGrid::values(int64_t idx) const {
  MODR_CHECK(idx >= 0 && idx < count(), "chunk {} of {}", idx, count());
  const int64_t first = (idx / parts_) * size_ * inner_, part = idx % parts_;
  return {first + part * cut_ * inner_, first + std::min((part + 1) * cut_, size_) * inner_};
}

std::vector<int64_t> ChunkGrid::start(int64_t idx) const {
  int64_t first = values(idx).begin;
  std::vector<int64_t> result(chunk_.size());
  for (std::size_t dim = result.size(); dim-- > 0; first /= shape_.dims()[dim]) result[dim] = first % shape_.dims()[dim];
  return result;
}

}  // namespace modr

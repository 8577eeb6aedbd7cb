#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/shape.hpp"
#include "base/slice.hpp"

namespace modr {

/// How a dataset is cut into chunks: by its shape and type alone, whatever ranks hold it. A chunk is a range of the
/// row-major values (1 MiB at most, more in tensors beyond 1 GiB); those at the end of the cut dimension are shorter, and
/// padded in the file. With three dimensions or more no chunk spans two rows of the first: these count branches, which
/// may stand on different ranks.
class ChunkGrid {
 public:
  /// Throws Error unless the shape has at least one dimension and one value.
  ChunkGrid(const Shape& shape, std::size_t value_bytes);

  /// Sizes of one chunk.
  const std::vector<int64_t>& chunk() const { return chunk_; }
  /// Values of one chunk, padding included.
  int64_t chunk_values() const { return cut_ * inner_; }
  int64_t count() const { return outer_ * parts_; }
  /// The values that chunk `idx` holds, 0 <= idx < count(), in row-major order of chunks.
  Slice values(int64_t idx) const;
  /// The coordinates of the first of them.
  std::vector<int64_t> start(int64_t idx) const;

 private:
  Shape shape_;
  std::vector<int64_t> chunk_;
  int64_t outer_ = 1;  // product of the sizes before the cut dimension
  int64_t parts_ = 1;  // chunks along the cut dimension
  int64_t size_ = 1;   // of the cut dimension
  int64_t cut_ = 1;    // of it, a chunk
  int64_t inner_ = 1;  // product of the sizes behind it
};

}  // namespace modr

#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <utility>

namespace modr {

/// Reads chunks of an HDF5 file where they stand (H5File::chunk_places), without HDF5: what ChunkWriter
/// wrote. Several threads may use one.
class ChunkReader {
 public:
  /// From an open file, which messages call `name`.
  ChunkReader(int descriptor, std::filesystem::path name) : descriptor_(descriptor), name_(std::move(name)) {}

  /// Fills `values` with those of a chunk. Throws Error when it cannot be read, or its checksum is another.
  void read(uint64_t place, std::span<std::byte> values, std::size_t padded_bytes) const;

 private:
  int descriptor_;
  std::filesystem::path name_;
};

}  // namespace modr

#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "base/dtype.hpp"

namespace modr {

/// Writes chunks of an HDF5 file at places that HDF5 has given them (H5File::reserve_tensor), without HDF5. Several
/// threads may use one.
class ChunkWriter {
 public:
  /// Opens `file`, which has to exist; messages call it `name`. Throws Error, as the others do.
  ChunkWriter(const std::filesystem::path& file, std::filesystem::path name);
  ~ChunkWriter();
  ChunkWriter(const ChunkWriter&) = delete;
  ChunkWriter& operator=(const ChunkWriter&) = delete;

  /// Values, zeros up to `padded_bytes`, and the checksum.
  void write(uint64_t place, std::span<const std::byte> values, std::size_t padded_bytes);
  /// Returns once all is on the disk.
  void flush();

 private:
  void check(int error, const char* what) const;

  std::filesystem::path name_;
  int descriptor_;
  std::atomic<std::size_t> pending_ = 0;  // bytes that the system was not yet told to write
};

/// How many of the values are infinite or NaN.
int64_t count_not_finite(DType dtype, std::span<const std::byte> values);

}  // namespace modr

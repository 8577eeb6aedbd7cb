#include "checkpoint/chunk_writer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "checkpoint/fletcher32.hpp"
#include "checkpoint/positioned_io.hpp"

namespace modr {

ChunkWriter::ChunkWriter(const std::filesystem::path& file, std::filesystem::path name)
    : name_(std::move(name)), descriptor_(::open(file.c_str(), O_WRONLY | O_CLOEXEC)) {
  check(descriptor_ < 0 ? errno : 0, "cannot be written");
}

ChunkWriter::~ChunkWriter() { ::close(descriptor_); }

void ChunkWriter::check(int error, const char* what) const {
  if (error != 0) fail("{}: {}: {}", name_.string(), what, std::strerror(error));
}

void ChunkWriter::write(uint64_t place, std::span<const std::byte> values, std::size_t padded_bytes) {
  std::vector<std::byte> padded;
  if (values.size() < padded_bytes) {
    padded.assign(values.begin(), values.end());
    padded.resize(padded_bytes);
    values = padded;
  }
  const uint32_t sum = fletcher32(values);
  std::array<std::byte, kFletcher32Bytes> checksum{};
  for (std::size_t i = 0; i < checksum.size(); ++i) checksum[i] = static_cast<std::byte>(sum >> (8 * i));
  check(write_at(descriptor_, place, values, checksum), "cannot be written");
  // The disk starts now rather than at flush(): a hint, whose failure means nothing.
  constexpr std::size_t kEnough = std::size_t{16} << 20;
  if ((pending_ += padded_bytes) >= kEnough) {
    pending_ = 0;
    (void)::sync_file_range(descriptor_, 0, 0, SYNC_FILE_RANGE_WRITE);
  }
}

void ChunkWriter::flush() { check(::fsync(descriptor_) < 0 ? errno : 0, "cannot be flushed to the disk"); }

int64_t count_not_finite(DType dtype, std::span<const std::byte> values) {
  return visit_dtype(dtype, [&]<typename T>() {
    const std::span all(reinterpret_cast<const T*>(values.data()), values.size() / sizeof(T));
    int64_t count = 0;
    for (const T value : all) count += std::isfinite(static_cast<Exact<T>>(value)) ? 0 : 1;
    return count;
  });
}

}  // namespace modr

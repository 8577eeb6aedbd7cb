#include "checkpoint/chunk_reader.hpp"

#include <cstring>
#include <vector>

#include "base/error.hpp"
#include "checkpoint/fletcher32.hpp"
#include "checkpoint/positioned_io.hpp"

namespace modr {

void ChunkReader::read(uint64_t place, std::span<std::byte> values, std::size_t padded_bytes) const {
  std::vector<std::byte> rest(padded_bytes - values.size() + kFletcher32Bytes), padded;
  if (const int error = read_at(descriptor_, place, values, rest); error != 0)
    fail("{}: cannot be read: {}", name_.string(), std::strerror(error));
  std::span<const std::byte> summed = values;
  if (values.size() < padded_bytes) {
    padded.assign(values.begin(), values.end());
    padded.insert(padded.end(), rest.begin(), rest.end() - kFletcher32Bytes);
    summed = padded;
  }
  uint32_t stored = 0;
  for (std::size_t i = 0; i < kFletcher32Bytes; ++i)
    stored |= static_cast<uint32_t>(rest[rest.size() - kFletcher32Bytes + i]) << (8 * i);
  if (stored != fletcher32(summed))
    fail("{}: the checksum at byte {} is wrong: the file is damaged", name_.string(), place);
}

}  // namespace modr

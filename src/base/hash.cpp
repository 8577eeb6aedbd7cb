#include "base/hash.hpp"

#include <fstream>

#include "base/error.hpp"

namespace modr {

std::string hash_of_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  WordHash hash;
  uint64_t bytes = 0;
  for (char c = 0; file.get(c); ++bytes) hash.add(static_cast<unsigned char>(c));
  hash.add(bytes);
  if (!file.eof()) fail("{}: cannot be read", path.string());
  return fmt::format("{:016x}", hash.value());
}

}  // namespace modr

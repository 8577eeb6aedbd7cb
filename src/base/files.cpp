#include "base/files.hpp"

#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/error.hpp"

namespace modr {

bool make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  const bool is_new = std::filesystem::create_directories(folder, error);
  if (error) fail("{}: cannot be made: {}", folder.string(), error.message());
  return is_new;
}

void fail_errno(const std::filesystem::path& path, const char* what) {
  fail("{}: {}: {}", path.string(), what, std::strerror(errno));
}

}  // namespace modr

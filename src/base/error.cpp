#include "base/error.hpp"

#include <string_view>

namespace modr::detail {

void check_failed(const char* file, int line, const char* condition, const std::string& message) {
  std::string_view path(file);  // the path as seen from the repository: no path of the build machine in messages
  if (const auto at = path.rfind("/src/"); at != std::string_view::npos) path.remove_prefix(at + 1);
  throw Error(fmt::format("{} [{}:{}: {}]", message, path, line, condition));
}

}  // namespace modr::detail

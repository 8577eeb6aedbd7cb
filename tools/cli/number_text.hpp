#pragma once
#include <cstdint>
#include <string>

namespace modr::tools {

/// "1,234,567".
std::string count_text(int64_t count);
/// "512 bytes", "12.3 MiB".
std::string byte_text(uint64_t bytes);

}  // namespace modr::tools

#pragma once
// Private to this room.
#include <filesystem>
#include <string>

namespace modr {

/// The text of a config file. Throws Error naming the file when it cannot be read.
std::string read_config_file(const std::filesystem::path& path);

}  // namespace modr

#pragma once
#include <filesystem>

namespace modr {

/// Makes a folder, and those above it, where it is missing. Whether it was. Throws Error naming it when it cannot.
bool make_folder(const std::filesystem::path& folder);

/// Throws Error "<path>: <what>: <errno's text>".
[[noreturn]] void fail_errno(const std::filesystem::path& path, const char* what);

}  // namespace modr

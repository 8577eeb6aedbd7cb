#pragma once
// What the fuzz targets share; fuzz.cmake says what is made of them.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace modr::fuzz {

/// What a target defines: reads `data` as the program reads a file of it. Returns why it was refused, or nothing.
/// Anything but an answer is a finding: a crash, an exception that is no modr::Error, a hang, more than 2 GiB.
std::string refusal(std::string_view data);

/// The text of the Error that `read` throws, or nothing.
template <typename Read>
std::string refusal_by(Read read) {
  try {
    read();
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

/// Ends the program, which is a finding, unless what should be true of everything that was accepted is so.
inline void require(bool holds, const std::string& what) {
  if (holds) return;
  std::fprintf(stderr, "expected %s\n", what.c_str());
  std::abort();
}

/// A folder of this process for what can only be read as a file; launch/fuzz puts it into memory.
class Scratch {
 public:
  Scratch() : folder_(std::filesystem::temp_directory_path() / ("modr_fuzz_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  /// A new file of this content in place of an older one of that name.
  std::filesystem::path write(const std::string& name, std::string_view content) const {
    const std::filesystem::path path = remove(name);
    std::ofstream(path, std::ios::binary).write(content.data(), static_cast<std::streamsize>(content.size()));
    return path;
  }

  std::filesystem::path remove(const std::string& name) const {
    std::filesystem::remove(folder_ / name);
    return folder_ / name;
  }

 private:
  std::filesystem::path folder_;
};

}  // namespace modr::fuzz

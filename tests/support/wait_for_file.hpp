#pragma once
// How a rank learns, without any call of MPI, that another has come to a place.
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

namespace modr {

inline void make_file(const std::filesystem::path& path) { std::ofstream{path}; }

/// Waits for it; false when it has not come for a minute (a limit against hanging).
inline bool wait_for_file(const std::filesystem::path& path) {
  for (int i = 0; i < 60'000 && !std::filesystem::exists(path); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return std::filesystem::exists(path);
}

}  // namespace modr

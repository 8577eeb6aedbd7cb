#pragma once
#include <array>
#include <filesystem>
#include <string>

#include "target.hpp"
#include "tools/cli/commands.hpp"

namespace modr::fuzz {

/// Reads a checkpoint as `modr inspect` and its --verify do, and prints it to nowhere: everything that it says about
/// itself, every weight and optimizer tensor. Returns why it was refused, or nothing.
inline std::string refusal_of_checkpoint(const std::filesystem::path& path) {
  static const bool quiet = std::freopen("/dev/null", "w", stdout) != nullptr;
  require(quiet, "a stdout that goes nowhere");
  const auto inspect = [&](std::string what, std::string form) {
    std::string name = "inspect", file = path.string();
    std::array argv = {name.data(), file.data(), what.data(), form.data()};
    return refusal_by([&] { tools::run_inspect(static_cast<int>(argv.size()), argv.data()); });
  };
  inspect("--verify", "--json");
  inspect("--digest", "--json");
  return inspect("--stats", "--digest");
}

}  // namespace modr::fuzz

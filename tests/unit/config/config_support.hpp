#pragma once
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/error.hpp"
#include "config/run_config.hpp"
#include "support/temporary_folder.hpp"

namespace modr {

/// A folder of its own for each test, which is also the current folder while the test runs.
class ConfigFiles : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::current_path(temporary_.path()); }
  void TearDown() override { std::filesystem::current_path(before_); }

  /// The folder as messages and resolved paths name it.
  std::filesystem::path folder() const { return std::filesystem::current_path(); }

  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((folder() / name).parent_path());
    std::ofstream(folder() / name, std::ios::binary) << text;
  }

  /// The message of the Error that loading run.yaml with this text throws; fails when it is a UsageError.
  std::string error_of(const std::string& text) const {
    write("run.yaml", text);
    try {
      load_run_config("run.yaml");
    } catch (const UsageError& error) {
      ADD_FAILURE() << "a mistake in a file is no usage error: " << error.what();
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

  /// The message of the UsageError that an override throws.
  std::string usage_error_of(const std::string& override_text) const {
    write("run.yaml", kSmall);
    try {
      load_run_config("run.yaml", {override_text});
    } catch (const UsageError& error) {
      return error.what();
    } catch (const Error& error) {
      ADD_FAILURE() << "a mistake in an override is a usage error: " << error.what();
    }
    return "no error";
  }

  /// The smallest run file.
  static constexpr const char* kSmall =
      "model: {n_embd: 8, n_heads: 2, intermediate_size: 16, vocab_size: 262}\n"
      "data: {train: [a.jsonl]}\n";

 private:
  std::filesystem::path before_ = std::filesystem::current_path();
  TemporaryFolder temporary_;
};

}  // namespace modr

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "checkpoint/h5_file.hpp"
#include "loading_support.hpp"
#include "support/expect_error.hpp"
#include "support/h5_edit.hpp"
#include "tools/cli/commands.hpp"

namespace modr::tools {
namespace {

namespace fs = std::filesystem;

using modr::testing::save;
using modr::testing::tiny_run;

struct Printed {
  int code;
  std::string text;
};

Printed run(int (*command)(int, char**), std::vector<std::string> words) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  ::testing::internal::CaptureStdout();
  try {
    const int code = command(static_cast<int>(argv.size()), argv.data());
    return {code, ::testing::internal::GetCapturedStdout()};
  } catch (...) {
    ::testing::internal::GetCapturedStdout();
    throw;
  }
}

fs::path save_run(const TemporaryFolder& folder) {
  return save(folder, tiny_run(2), ModrModel(tiny_run(2).model, DType::f32));
}

TEST(Inspect, TakesTheLatestOfARun) {
  const TemporaryFolder folder;
  const std::string file = save_run(folder).string(), run_folder = folder.path().string();
  EXPECT_EQ(run(run_inspect, {"inspect", run_folder}).text, run(run_inspect, {"inspect", file}).text);
  EXPECT_TRUE(run(run_inspect, {"inspect", run_folder}).text.starts_with(file));
  const Printed verified = run(run_inspect, {"inspect", run_folder, "--verify"});
  EXPECT_EQ(verified.code, 0);
  EXPECT_TRUE(verified.text.starts_with(file + ": sound: ")) << verified.text;
  const auto json = nlohmann::json::parse(run(run_inspect, {"inspect", run_folder, "--verify", "--json"}).text);
  EXPECT_EQ(json.at("file"), file);
  EXPECT_EQ(json.at("has_contents_digest"), true);
}

TEST(Inspect, VerifyTellsDamageFromTheWrongFile) {
  const TemporaryFolder folder;
  const std::string file = save_run(folder).string();
  testing::change_dataset(file, "config");
  const Printed found = run(run_inspect, {"inspect", file, "--verify"});
  EXPECT_EQ(found.code, 1);
  EXPECT_NE(found.text.find("its config, attributes or datasets are not those"), std::string::npos) << found.text;
  EXPECT_TRUE(found.text.ends_with(file + ": damaged: 1 problem\n")) << found.text;

  const std::string empty = folder.path() / "empty", text = folder.write("text.h5", "no HDF5").string();
  fs::create_directory(empty);
  for (const char* option : {"--verify", "--json"}) {
    const auto inspect = [&](const std::string& path) {
      return [path, option] { run(run_inspect, {"inspect", path, option}); };
    };
    expect_error(inspect(empty), {empty + ": a folder without checkpoints/latest"});
    expect_error(inspect(text), {"text.h5: not an HDF5 file"});
    expect_error(inspect(text + "x"), {"text.h5x: no such file"});
  }
}

TEST(Inspect, VerifySaysWhatAnOlderFileLacks) {
  const TemporaryFolder folder;
  const std::string file = save_run(folder).string();
  testing::remove_attribute(file, "/", "contents_digest");
  testing::change_attribute(file, "/", "schema_version");
  const Printed found = run(run_inspect, {"inspect", file, "--verify"});
  EXPECT_EQ(found.code, 0);
  EXPECT_NE(found.text.find("schema 2, which has no digest of config and attributes"), std::string::npos) << found.text;
}

TEST(Diff, TakesTheLatestOfARunAndSaysWhich) {
  const TemporaryFolder folder;
  const std::string file = save_run(folder).string(), run_folder = folder.path().string();
  EXPECT_EQ(run(run_diff, {"diff", file, file}).text, "same\n");
  EXPECT_EQ(run(run_diff, {"diff", run_folder, file}).text, "A  " + file + "\nsame\n");
  EXPECT_EQ(run(run_diff, {"diff", file, run_folder}).text, "B  " + file + "\nsame\n");
  const std::string empty = folder.path() / "empty";
  fs::create_directory(empty);
  expect_error([&] { run(run_diff, {"diff", file, empty}); }, {empty + ": a folder without checkpoints/latest"});
}

}  // namespace
}  // namespace modr::tools

// `modr verify` looks at everything: each dataset of each golden file is deleted, renamed and changed in turn, and
// every time the verdict has to be a failure that names it.
#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <cctype>
#include <array>

#include "base/error.hpp"
#include "support/h5_edit.hpp"
#include "support/temporary_folder.hpp"
#include "tools/cli/commands.hpp"
#include "tools/verify/compare.hpp"
#include "tools/verify/parts.hpp"

namespace modr::tools {
namespace {

namespace fs = std::filesystem;
using Edit = void (*)(const fs::path& file, const std::string& dataset);

// All there are; one empty path where there are none, so that the skip is counted.
std::vector<fs::path> reference_files() {
  std::vector<fs::path> files;
  for (const char* folder : {"golden", "upstream/cache"}) {
    std::error_code absent;
    for (const auto& entry : fs::directory_iterator(fs::path(MODR_SHARED_DIR) / folder, absent))
      if (entry.path().extension() == ".h5") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files.empty() ? std::vector<fs::path>{{}} : files;
}

std::string name_of_file(const ::testing::TestParamInfo<fs::path>& info) {
  std::string name = info.param.stem().string();
  std::ranges::replace_if(name, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name.empty() ? "none" : name;
}

void renamed(const fs::path& file, const std::string& dataset) {
  testing::rename_dataset(file, dataset, dataset + "_old");
}

struct NamedEdit {
  const char* name;
  Edit edit;
};
constexpr std::array<NamedEdit, 4> all_edits{{{"deleted", testing::remove_dataset},
                                              {"renamed", renamed},
                                              {"changed", testing::change_dataset},
                                              {"one value NaN", testing::put_nan}}};

// The names of what a report says is wrong.
std::vector<std::string> failures_of(const VerifyReport& report) {
  std::vector<std::string> names;
  for (const VerifyRow& row : report.rows())
    if (!row.ok()) names.push_back(row.what);
  return names;
}

bool holds(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

// What `modr verify` finds wrong with a file: the names in its table, or the one line of an error.
std::vector<std::string> verdict(const fs::path& path) {
  try {
    const GoldenFile golden(path);
    const Computed computed = compute_parts(golden, DType::f32);
    return failures_of(compare(computed, read_reference(golden.file(), golden.inputs())));
  } catch (const Error& error) {
    return {error.what()};
  }
}

// Runs the real command; what it prints goes to `output`.
int run_command(const fs::path& path, std::string& output) {
  std::string name = "verify", file = path.string();
  std::array<char*, 3> arguments{name.data(), file.data(), nullptr};
  ::testing::internal::CaptureStdout();
  const int code = run_verify(2, arguments.data());
  output = ::testing::internal::GetCapturedStdout();
  return code;
}

class VerifyGate : public ::testing::TestWithParam<fs::path> {
 protected:
  // The models are tiny: on a busy machine several threads mostly wait for each other.
  static void SetUpTestSuite() { omp_set_num_threads(1); }
  void SetUp() override {
    if (GetParam().empty()) GTEST_SKIP() << "no reference files in " << MODR_SHARED_DIR;
    original_ = GetParam();
  }
  // A copy in which one dataset was edited.
  fs::path edited(Edit edit, const std::string& dataset) const {
    const fs::path copy = folder_.path() / "golden.h5";
    fs::remove(copy);
    fs::copy_file(original_, copy);
    fs::permissions(copy, fs::perms::owner_all);
    edit(copy, dataset);
    return copy;
  }

  TemporaryFolder folder_;
  fs::path original_;
};
INSTANTIATE_TEST_SUITE_P(Golden, VerifyGate, ::testing::ValuesIn(reference_files()), name_of_file);

// The model runs once: what it computes depends on the inputs only, which stay.
TEST_P(VerifyGate, EveryDatasetThatIsEditedIsNamed) {
  const GoldenFile golden(original_);
  const Computed computed = compute_parts(golden, DType::f32);
  const Reference reference = read_reference(golden.file(), golden.inputs());
  EXPECT_EQ(failures_of(compare(computed, reference)), std::vector<std::string>());
  int64_t tried = 0, caught = 0;
  for (const auto& [dataset, values] : reference)
    for (const auto& [name, edit] : all_edits) {
      if (edit == testing::put_nan && golden.file().dataset_type(dataset).starts_with("int")) continue;
      const H5File file = H5File::open(edited(edit, dataset));
      const std::vector<std::string> found = failures_of(compare(computed, read_reference(file, golden.inputs())));
      ++tried;
      // Nothing else is a failure, save a renamed one's new name.
      const bool named = holds(found, dataset) && (edit != renamed || holds(found, dataset + "_old"));
      caught += named && found.size() == (edit == renamed ? 2 : 1);
      EXPECT_TRUE(named) << dataset << ' ' << name;
    }
  EXPECT_GE(reference.size(), original_.stem().string().starts_with("cache_") ? 3u : 27u);
  EXPECT_EQ(caught, tried);
  std::cout << original_.stem().string() << ": " << caught << " of " << tried << " edits of " << reference.size()
            << " datasets caught by name\n";
}

// With the model run again, as it may look at the file before it computes: for its inputs, and for what is missing.
TEST_P(VerifyGate, AWholeRunNoticesWhatIsMissing) {
  const GoldenFile golden(original_);
  compute_parts(golden, DType::f32);
  int64_t tried = 0;
  for (const std::string& dataset : golden.file().datasets("")) {
    // One run of each kind is enough where there are many alike: a third of a second each.
    if (dataset.starts_with("adaptive/") && !dataset.starts_with("adaptive/kl/full/random/")) continue;
    if (dataset.starts_with("forward_adaptive/") && dataset.find("/kl/") == std::string::npos) continue;
    if (dataset == "padding_mask") continue;  // a file without it has no padding
    const std::vector<std::string> found = verdict(edited(testing::remove_dataset, dataset));
    ++tried;
    EXPECT_TRUE(std::ranges::any_of(found, [&](const std::string& text) {
      return text.find(dataset) != std::string::npos;
    })) << dataset;
  }
  std::cout << original_.stem().string() << ": " << tried << " datasets missing in turn\n";
}

TEST_P(VerifyGate, ChangedInputsChangeTheResults) {
  const GoldenFile golden(original_);
  compute_parts(golden, DType::f32);
  for (const std::string& dataset : golden.inputs()) {
    // (A weight may be scaled in front of a norm without any effect.)
    if (dataset.starts_with("weights/")) continue;
    // Where upstream raises, an error is all there is to see.
    const std::string group = fs::path(dataset).parent_path().string();
    if (golden.file().has_attribute(group, "upstream_raises")) continue;
    EXPECT_FALSE(verdict(edited(testing::change_dataset, dataset)).empty()) << dataset;
  }
}

TEST_P(VerifyGate, TheCommandFailsAndNamesIt) {
  const GoldenFile golden(original_);
  compute_parts(golden, DType::f32);
  const std::string last = read_reference(golden.file(), golden.inputs()).rbegin()->first;
  std::string output;
  EXPECT_EQ(run_command(edited(testing::change_dataset, last), output), 1);
  EXPECT_NE(output.find(last), std::string::npos) << output;
  EXPECT_NE(output.find("FAILED"), std::string::npos) << output;
  EXPECT_EQ(run_command(original_, output), 0);
  EXPECT_EQ(output.find("FAILED"), std::string::npos) << output;
}

}  // namespace
}  // namespace modr::tools

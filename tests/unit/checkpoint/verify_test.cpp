#include "checkpoint/verify.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/philox.hpp"
#include "checkpoint/checkpoint.hpp"
#include "support/expect_error.hpp"
#include "support/h5_edit.hpp"
#include "support/random_tensor.hpp"
#include "support/temporary_folder.hpp"

namespace modr {
namespace {

namespace fs = std::filesystem;

using testing::random_tensor;

fs::path save_example(const fs::path& path) {
  CheckpointInfo info;
  info.mode = "modr";
  info.config = "model:\n  n_embd: 4\n";
  info.guard = {1, 2};
  save_checkpoint(path, info,
                  {{"transformer.wte.weight", random_tensor({300, 100}, DType::f32, 1), true},
                   {"transformer.lora_A", random_tensor({4, 16, 50}, DType::f32, 2), true},
                   {"transformer.router.bias", random_tensor({4}, DType::f32, 3), false}},
                  {{"exp_avg/transformer.lora_A", random_tensor({4, 16, 50}, DType::f64, 4)}});
  return path;
}

std::string read_bytes(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

void write_bytes(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// What verifying ends with, in a process of its own: a crash in there is told as one.
enum class Ending { sound, damaged, crashed, unclear };
Ending verify_apart(const fs::path& path) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);  // a hang ends too
    try {
      const std::vector<std::string> problems = verify_checkpoint(path).problems;
      const bool clear = std::ranges::all_of(
          problems, [](const std::string& problem) { return problem.find("damaged") != std::string::npos; });
      _exit(!clear ? 2 : problems.empty() ? 0 : 1);
    } catch (const WrongFile&) {  // without its signature
      _exit(1);
    }
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (!WIFEXITED(status)) return Ending::crashed;
  return WEXITSTATUS(status) == 0 ? Ending::sound : WEXITSTATUS(status) == 1 ? Ending::damaged : Ending::unclear;
}

TEST(VerifyCheckpoint, FindsASoundFileSound) {
  const TemporaryFolder folder;
  const CheckpointVerification found = verify_checkpoint(save_example(folder.path() / "a.h5"));
  EXPECT_TRUE(found.problems.empty()) << found.problems.front();
  EXPECT_EQ(found.num_tensors, 4);
  EXPECT_EQ(found.value_bytes, 4 * (30'000 + 3'200 + 4) + 8 * 3'200);
  EXPECT_TRUE(found.has_digests);
  const CheckpointReader reader(folder.path() / "a.h5");
  EXPECT_EQ(reader.weights_digest(), found.weights_digest);
  EXPECT_EQ(reader.optimizer_digest(), found.optimizer_digest);
}

// One bit of a file, flipped while this lives.
class FlippedBit {
 public:
  FlippedBit(const fs::path& path, std::size_t place, int bit) : file_(path), place_(place), bit_(bit) { flip(); }
  ~FlippedBit() { flip(); }
  FlippedBit(const FlippedBit&) = delete;
  FlippedBit& operator=(const FlippedBit&) = delete;

 private:
  void flip() {
    file_.seekg(static_cast<std::streamoff>(place_));
    const int byte = file_.get();
    file_.seekp(static_cast<std::streamoff>(place_));
    file_.put(static_cast<char>(byte ^ (1 << bit_)));
    file_.flush();
  }
  std::fstream file_;
  std::size_t place_;
  int bit_;
};

TEST(VerifyCheckpoint, FindsEveryFlippedBitOfValues) {
  const TemporaryFolder folder;
  const fs::path path = save_example(folder.path() / "a.h5");
  const std::string whole = read_bytes(path);
  const Tensor values = random_tensor({300, 100}, DType::f32, 1);
  const std::string_view bytes(reinterpret_cast<const char*>(values.data<float>()), values.bytes());
  const std::size_t begin = whole.find(bytes);
  ASSERT_NE(begin, std::string::npos) << "values are stored as they are";
  PhiloxSequence random(21, RandomStream::init);
  for (int i = 0; i < 2000; ++i) {
    const std::size_t place = begin + random.below(bytes.size());
    const FlippedBit flipped(path, place, static_cast<int>(random.below(8)));
    const CheckpointVerification found = verify_checkpoint(path);
    ASSERT_FALSE(found.problems.empty()) << "byte " << place;
    EXPECT_NE(found.problems[0].find("weights/transformer.wte.weight"), std::string::npos) << found.problems[0];
    if (i > 20) continue;
    const CheckpointReader reader(path);
    expect_error([&] { reader.read_weight("transformer.wte.weight", DType::f32); }, {"transformer.wte.weight"});
  }
  EXPECT_TRUE(verify_checkpoint(path).problems.empty());
}

TEST(VerifyCheckpoint, SurvivesFlippedBitsOfStructure) {
  const TemporaryFolder folder;
  const fs::path path = save_example(folder.path() / "a.h5");
  const std::size_t size = fs::file_size(path);
  int sound = 0, tries = 0;
  const auto try_bit = [&](std::size_t place) {
    const int bit = static_cast<int>(place % 8);
    const FlippedBit flipped(path, place, bit);
    const Ending ending = verify_apart(path);
    EXPECT_TRUE(ending == Ending::sound || ending == Ending::damaged) << "bit " << bit << " of byte " << place;
    sound += ending == Ending::sound ? 1 : 0;
    ++tries;
  };
  // HDF5 keeps what it knows about the file at its beginning and behind the values.
  for (std::size_t place = 0; place < 2048; place += 5) try_bit(place);
  for (std::size_t place = size - 8192; place < size; place += 41) try_bit(place);
  EXPECT_LT(sound, tries) << "only places that hold nothing may be damaged unseen";
}

// Changes a copy of a sound file with `edit`: it must be called damaged, and not be loaded.
template <typename Edit>
void expect_found(const fs::path& sound, const std::string& what, const Edit& edit) {
  const fs::path path = sound.parent_path() / "changed.h5";
  fs::copy_file(sound, path, fs::copy_options::overwrite_existing);
  edit(path.string());
  try {
    const CheckpointVerification found = verify_checkpoint(path);
    ASSERT_FALSE(found.problems.empty()) << what;
    EXPECT_NE(found.problems[0].find("changed.h5: "), std::string::npos) << what << ": " << found.problems[0];
  } catch (const WrongFile& error) {
    EXPECT_EQ(what, "/@format") << error.what();
  }
  EXPECT_THROW(CheckpointReader{path}, Error) << what;
}

// With right checksums: as another program would leave it.
TEST(VerifyCheckpoint, FindsEveryChangedAttribute) {
  const TemporaryFolder folder;
  const fs::path path = save_example(folder.path() / "a.h5");
  const H5File file = H5File::open(path);
  std::vector<std::string> objects{"", "weights", "optimizer", "optimizer/exp_avg"};
  for (const std::string& dataset : file.datasets("")) objects.push_back(dataset);
  int tried = 0;
  for (const std::string& object : objects) {
    const std::string in_file = "/" + object;
    for (const std::string& name : file.attribute_names(object)) {
      expect_found(path, in_file + "@" + name,
                   [&](const fs::path& copy) { testing::change_attribute(copy, in_file, name); });
      if (name != "format")
        expect_found(path, "without " + name,
                     [&](const fs::path& copy) { testing::remove_attribute(copy, in_file, name); });
      ++tried;
    }
    expect_found(path, "more in " + in_file,
                 [&](const fs::path& copy) { testing::add_attribute(copy, in_file, "more"); });
  }
  EXPECT_EQ(tried, 13 + 4 + 3) << "of the file, sums of all tensors, kinds of the weights";
}

TEST(VerifyCheckpoint, FindsOtherDatasets) {
  const TemporaryFolder folder;
  const fs::path path = save_example(folder.path() / "a.h5");
  for (const char* dataset :
       {"config", "guard", "weights/transformer.lora_A", "optimizer/exp_avg/transformer.lora_A"}) {
    if (std::string_view(dataset).find('/') == std::string_view::npos)
      expect_found(path, dataset, [&](const fs::path& copy) { testing::change_dataset(copy, dataset); });
    expect_found(path, dataset, [&](const fs::path& copy) { testing::remove_dataset(copy, dataset); });
    expect_found(path, dataset,
                 [&](const fs::path& copy) { testing::rename_dataset(copy, dataset, std::string(dataset) + "x"); });
  }
  // What the values, the sums and the types leave open: which is which.
  save_checkpoint(
      path, {}, {{"a", random_tensor({3}, DType::f32, 1), true}, {"b", random_tensor({3}, DType::f32, 2), true}}, {});
  expect_found(path, "swapped", [&](const fs::path& copy) {
    testing::rename_dataset(copy, "weights/a", "weights/c");
    testing::rename_dataset(copy, "weights/b", "weights/a");
    testing::rename_dataset(copy, "weights/c", "weights/b");
  });
}

TEST(VerifyCheckpoint, OlderFilesHaveNoDigestOfTheirContents) {
  const TemporaryFolder folder;
  const fs::path path = save_example(folder.path() / "a.h5");
  EXPECT_TRUE(verify_checkpoint(path).has_contents_digest);
  testing::remove_attribute(path, "/", "contents_digest");
  expect_error([&] { CheckpointReader{path}; }, {"a.h5: damaged: has no digest of its config and attributes"});
  testing::change_attribute(path, "/", "schema_version");  // 3 becomes 2
  const CheckpointVerification found = verify_checkpoint(path);
  EXPECT_TRUE(found.problems.empty()) << found.problems.front();
  EXPECT_EQ(found.schema, 2);
  EXPECT_FALSE(found.has_contents_digest);
  EXPECT_EQ(CheckpointReader(path).info().config, "model:\n  n_embd: 4\n");
}

// No damage, but the wrong file.
TEST(VerifyCheckpoint, RefusesWhatIsNoCheckpoint) {
  const TemporaryFolder folder;
  fs::create_directory(folder.path() / "folder");
  folder.write("text.h5", "step: 1\n");
  folder.write("empty.h5", "");
  H5File::create(folder.path() / "foreign.h5").close();
  for (const auto& [name, why] : {std::pair("none.h5", "no such file"), {"folder", "a folder, expected a file"},
                                  {"text.h5", "not an HDF5 file"}, {"empty.h5", "not an HDF5 file"},
                                  {"text.h5/x.h5", "no such file"}, {"foreign.h5", "not a modr checkpoint"}}) {
    const fs::path path = folder.path() / name;
    expect_error([&] { verify_checkpoint(path); }, {name, why});
    EXPECT_THROW(verify_checkpoint(path), WrongFile) << name;
    EXPECT_THROW(CheckpointReader{path}, WrongFile) << name;
  }
  expect_error([] { verify_checkpoint("/dev/null"); }, {"/dev/null: not a file"});
}

TEST(VerifyCheckpoint, TellsOfFilesThatCannotBeOpened) {
  const TemporaryFolder folder;
  const std::string whole = read_bytes(save_example(folder.path() / "a.h5"));
  write_bytes(folder.path() / "cut.h5", whole.substr(0, whole.size() / 2));
  const CheckpointVerification found = verify_checkpoint(folder.path() / "cut.h5");
  ASSERT_EQ(found.problems.size(), 1U);
  EXPECT_NE(found.problems[0].find("cut.h5: damaged or cut short: "), std::string::npos) << found.problems[0];
}

TEST(VerifyCheckpoint, FindsOtherValuesUnderRightChecksums) {
  const TemporaryFolder folder;
  save_example(folder.path() / "a.h5");
  const fs::path other = folder.path() / "b.h5";
  H5File file = H5File::create(other);  // as if a chunk had been written to another's place, with its checksum
  const Tensor values = random_tensor({2, 3}, DType::f32, 5);
  file.set_attribute_string("", "format", "modr-checkpoint");
  for (const char* name : {"step", "samples_consumed", "optimizer_step"}) file.set_attribute_int("", name, 0);
  file.set_attribute_int("", "schema_version", 2);
  file.set_attribute_uint("", "seed", 1);
  for (const char* name : {"mode", "modr_version"}) file.set_attribute_string("", name, "x");
  file.write_string("config", "a: 1\n");
  file.write_tensor("weights/w", values);
  file.set_attribute_int("weights/w", "trainable", 1);
  file.set_attribute_uints("weights/w", "chunk_sums", std::vector<uint64_t>{1, 2});
  file.close();
  const CheckpointVerification found = verify_checkpoint(other);
  ASSERT_FALSE(found.problems.empty());
  EXPECT_NE(found.problems[0].find("weights/w: values 0 to 5 are not those that were saved"), std::string::npos)
      << found.problems[0];
}

}  // namespace
}  // namespace modr

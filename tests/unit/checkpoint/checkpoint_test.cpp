#include "checkpoint/checkpoint.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include "checkpoint/checkpoint_folder.hpp"
#include "support/expect_error.hpp"
#include "support/file_size_limit.hpp"
#include "support/temporary_folder.hpp"

namespace modr {
namespace {

namespace fs = std::filesystem;

CheckpointInfo example_info() {
  CheckpointInfo info;
  info.step = 100;
  info.seed = UINT64_MAX - 1;
  info.samples_consumed = 6400;
  info.optimizer_step = 99;
  info.mode = "modr";
  info.config = "model:\n  n_embd: 4  # ä\n";
  return info;
}

std::vector<CheckpointWeight> example_weights() {
  return {{"transformer.wte.weight", Tensor::full({300, 1000}, DType::f32, 0.1), false},
          {"transformer.router.bias", Tensor::full({4}, DType::f32, -0.003), false},
          {"transformer.router.weight", Tensor::full({4, 1000}, DType::f64, 1.0 / 3), true}};
}

OptimizerTensors example_optimizer() {
  return {{"exp_avg/transformer.router.weight", Tensor::full({4, 1000}, DType::f64, 0.7)},
          {"exp_avg_sq/transformer.router.weight", Tensor::full({4, 1000}, DType::f32, 0.2)}};
}

fs::path save_example(const fs::path& path) {
  save_checkpoint(path, example_info(), example_weights(), example_optimizer());
  return path;
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::string read_bytes(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

TEST(Checkpoint, HoldsWhatWasSaved) {
  const TemporaryFolder folder;
  const CheckpointReader reader(save_example(folder.path() / "a.h5"));
  const CheckpointInfo expected = example_info();
  EXPECT_EQ(reader.info().step, expected.step);
  EXPECT_EQ(reader.info().seed, expected.seed);
  EXPECT_EQ(reader.info().samples_consumed, expected.samples_consumed);
  EXPECT_EQ(reader.info().optimizer_step, expected.optimizer_step);
  EXPECT_EQ(reader.info().mode, expected.mode);
  EXPECT_EQ(reader.info().config, expected.config);
  EXPECT_FALSE(reader.info().modr_version.empty());
  ASSERT_EQ(reader.weight_names().size(), 3U);
  for (const CheckpointWeight& weight : example_weights()) {
    EXPECT_TRUE(reader.has_weight(weight.name));
    EXPECT_EQ(reader.weight_shape(weight.name), weight.tensor.shape());
    EXPECT_EQ(reader.weight_type(weight.name), name_of(weight.tensor.dtype()));
    EXPECT_EQ(reader.is_trainable(weight.name), weight.trainable);
    const Tensor target = Tensor::zeros(weight.tensor.shape(), weight.tensor.dtype());
    const uint64_t before = target.version();
    reader.read_weight_into({weight.name, target});
    EXPECT_NE(target.version(), before) << "whoever holds a copy has to notice";
    EXPECT_EQ(target.to_vector(), weight.tensor.to_vector());
  }
  EXPECT_FALSE(reader.has_weight("transformer.none"));
  ASSERT_EQ(reader.optimizer_names().size(), 2U);
  for (const auto& [name, tensor] : example_optimizer()) {
    const Tensor stored = reader.read_optimizer_tensor(name), target = Tensor::zeros(tensor.shape(), tensor.dtype());
    EXPECT_EQ(stored.dtype(), tensor.dtype());
    EXPECT_EQ(stored.to_vector(), tensor.to_vector());
    reader.read_optimizer_into({name, target});
    EXPECT_EQ(target.to_vector(), tensor.to_vector());
  }
  EXPECT_EQ(names_in(folder.path()), (std::vector<std::string>{"a.h5"}));
}

TEST(Checkpoint, GivesTheRowsThatARankHolds) {
  const TemporaryFolder folder;
  const Tensor whole = Tensor::zeros({5, 2, 3}, DType::f32);
  for (std::size_t i = 0; i < 30; ++i) whole.span<float>()[i] = static_cast<float>(i);
  save_checkpoint(folder.path() / "a.h5", example_info(), {{"w", whole, true}}, {{"exp_avg/w", whole}});
  const CheckpointReader reader(folder.path() / "a.h5");
  for (int64_t begin = 0; begin <= 5; ++begin)
    for (int64_t end = begin; end <= 5; ++end) {
      const Tensor rows = Tensor::zeros({end - begin, 2, 3}, DType::f64);
      reader.read_weight_into({"w", rows, begin, 5});
      EXPECT_EQ(rows.to_vector(), whole.slice(0, begin, end).to_vector());
      rows.fill(-1);
      reader.read_optimizer_into({"exp_avg/w", rows, begin, 5});
      EXPECT_EQ(rows.to_vector(), whole.slice(0, begin, end).to_vector());
    }
  expect_error([&] { reader.read_weight_into({"w", Tensor::zeros({1, 2, 3}, DType::f32), 0, 6}); },
               {"a.h5: weights/w: found shape [5, 2, 3], expected [6, 2, 3]"});
}

TEST(Checkpoint, GivesRowsThatAreOnlyAPartOfAChunk) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "a.h5";
  const Tensor whole = Tensor::zeros({300, 1000}, DType::f32);  // in chunks of 150 rows
  for (std::size_t i = 0; i < 300'000; ++i) whole.span<float>()[i] = static_cast<float>(i);
  save_checkpoint(path, example_info(), {{"w", whole, true}}, {});
  const Tensor rows = Tensor::zeros({100, 1000}, DType::f32);
  for (const int64_t begin : {0, 100, 120, 200}) {
    CheckpointReader(path).read_weight_into({"w", rows, begin, 300});
    EXPECT_EQ(rows.to_vector(), whole.slice(0, begin, begin + 100).to_vector()) << begin;
  }
  // Damage is found in the rows beside those, too.
  const auto places = H5File::open(path).chunk_places("weights/w", whole.shape(), DType::f32);
  ASSERT_EQ(places.size(), 2U);
  const auto second = static_cast<std::streamoff>(places[1]);
  std::fstream(path, std::ios::in | std::ios::out | std::ios::binary).seekp(second) << "?";
  const CheckpointReader reader(path);
  reader.read_weight_into({"w", rows, 0, 300});
  expect_error([&] { reader.read_weight_into({"w", rows, 200, 300}); }, {"a.h5: weights/w: ", "the file is damaged"});
}

TEST(Checkpoint, MayHaveNoOptimizer) {
  const TemporaryFolder folder;
  save_checkpoint(folder.path() / "a.h5", example_info(), {{"w", Tensor::full({2}, DType::f32, 1), true}}, {});
  const CheckpointReader reader(folder.path() / "a.h5");
  EXPECT_FALSE(reader.has_optimizer());
  EXPECT_TRUE(reader.optimizer_names().empty());
}

TEST(Checkpoint, IsNotMadeOfValuesThatAreNotFinite) {
  const TemporaryFolder folder;
  save_example(folder.path() / "a.h5");
  const std::string before = read_bytes(folder.path() / "a.h5");
  for (const double value : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()})
    for (const DType dtype : {DType::f32, DType::f64}) {
      std::vector<CheckpointWeight> weights = example_weights();
      weights.push_back({"w", Tensor::full({300, 1000}, dtype, 0.5), true});
      weights.back().tensor.slice(0, 299, 300).slice(1, 998, 1000).fill(value);
      expect_error([&] { save_checkpoint(folder.path() / "a.h5", example_info(), weights, {}); },
                   {"checkpoint of step 100 was not saved", "weights/w: 2 of 300000 values are not finite"});
    }
  EXPECT_EQ(names_in(folder.path()), (std::vector<std::string>{"a.h5"}));
  EXPECT_EQ(read_bytes(folder.path() / "a.h5"), before);
}

TEST(Checkpoint, KeepsWhatTheGuardRemembers) {
  const TemporaryFolder folder;
  CheckpointInfo info = example_info();
  info.guard = {1.0 / 3, -0.0, 5e-324};
  save_checkpoint(folder.path() / "a.h5", info, example_weights(), {});
  EXPECT_EQ(CheckpointReader(folder.path() / "a.h5").info().guard, info.guard);
}

TEST(Checkpoint, NamesAMissingWeightAndAWrongShape) {
  const TemporaryFolder folder;
  const CheckpointReader reader(save_example(folder.path() / "a.h5"));
  expect_error([&] { reader.read_weight("none", DType::f32); }, {"a.h5: weights/none: no such dataset"});
  expect_error([&] { reader.read_weight_into({"transformer.router.bias", Tensor::zeros({8}, DType::f32)}); },
               {"a.h5: weights/transformer.router.bias: found shape [4], expected [8]"});
}

TEST(Checkpoint, RefusesOtherFiles) {
  const TemporaryFolder folder;
  const auto open = [](const fs::path& path) { return [path] { CheckpointReader reader(path); }; };
  expect_error(open(folder.path() / "none.h5"), {"none.h5: no such file"});
  expect_error(open(folder.write("text.h5", "step: 1\n")), {"text.h5: not an HDF5 file"});
  expect_error(open(fs::path(MODR_SOURCE_DIR) / "tests/unit/checkpoint/foreign_types.h5"),
               {"foreign_types.h5: an HDF5 file, but not a modr checkpoint"});
  const std::string whole = read_bytes(save_example(folder.path() / "a.h5"));
  for (std::size_t length = 100; length < whole.size(); length += whole.size() / 7)
    expect_error(open(folder.write("cut.h5", whole.substr(0, length))), {"cut.h5: damaged or cut short: "});
  H5File newer = H5File::create(folder.path() / "newer.h5");
  newer.set_attribute_string("", "format", "modr-checkpoint");
  newer.set_attribute_int("", "schema_version", kCheckpointSchema + 6);
  newer.close();
  expect_error(open(folder.path() / "newer.h5"), {"newer.h5: checkpoint schema 9, this modr", "reads schemas 1 to 3"});
  H5File partial = H5File::create(folder.path() / "partial.h5");
  partial.set_attribute_string("", "format", "modr-checkpoint");
  partial.set_attribute_int("", "schema_version", kCheckpointSchema);
  partial.set_attribute_int("", "step", -3);
  partial.close();
  expect_error(open(folder.path() / "partial.h5"), {"partial.h5: attribute 'step' is -3, expected 0 or more"});
}

// Without checksums on its metadata HDF5 believes what it reads, up to crashing.
TEST(Checkpoint, RefusesFormatsWithoutChecksums) {
  const fs::path old_format = fs::path(MODR_SOURCE_DIR) / "tests/fuzz/seeds/checkpoint/old_format.h5";
  expect_error([&] { CheckpointReader{old_format}; }, {"old_format.h5: ", "without checksums (superblock 0)",
                "'h5repack -L " + old_format.string() + " NEW.h5'"});
  // HDF5 also finds a file that begins further on.
  const TemporaryFolder folder;
  const std::string shifted = std::string(512, ' ') + read_bytes(old_format);
  expect_error([&] { CheckpointReader{folder.write("a.h5", shifted)}; }, {"a.h5: not an HDF5 file"});
}

TEST(Checkpoint, TakesWhatH5repackMakes) {
  if (std::system("command -v h5repack >/dev/null") != 0) GTEST_SKIP() << "h5repack is not installed";
  const TemporaryFolder folder;
  const auto repack = [&](const fs::path& from, const char* to) {
    const fs::path path = folder.path() / to;
    EXPECT_EQ(std::system(fmt::format("h5repack -L {} {}", from.string(), path.string()).c_str()), 0);
    return path;
  };
  const fs::path old_format = fs::path(MODR_SOURCE_DIR) / "tests/fuzz/seeds/checkpoint/old_format.h5";
  const CheckpointReader renewed(repack(old_format, "new.h5"));
  EXPECT_EQ(renewed.info().step, 7);
  ASSERT_EQ(renewed.weight_names(), (std::vector<std::string>{"chunked", "contiguous", "half"}));
  for (const std::string& name : renewed.weight_names())
    EXPECT_EQ(renewed.read_weight(name, DType::f64).to_vector().back(), 35) << name;
  // One of ours stays what it is.
  const CheckpointReader ours(repack(save_example(folder.path() / "a.h5"), "b.h5"));
  EXPECT_EQ(ours.contents_digest(), CheckpointReader(folder.path() / "a.h5").contents_digest());
  EXPECT_EQ(ours.read_weight("transformer.router.bias", DType::f32).to_vector().front(), -0.003F);
}

TEST(Checkpoint, AFullDiskHarmsNothing) {
  const TemporaryFolder folder;
  const fs::path path = save_example(folder.path() / "a.h5");
  const std::string before = read_bytes(path);
  for (const std::size_t limit : {std::size_t{0}, std::size_t{3'000}, before.size() / 2, before.size() - 1}) {
    const FileSizeLimit full(limit);
    for (const char* name : {"a.h5", "b.h5"})  // over an older one, and beside it
      expect_error([&] { save_example(folder.path() / name); },
                   {"checkpoint of step 100 was not saved", name, "cannot be written: File too large"});
  }
  EXPECT_EQ(names_in(folder.path()), (std::vector<std::string>{"a.h5"}));
  EXPECT_EQ(read_bytes(path), before);
  save_example(folder.path() / "b.h5");  // and the next one works
  const std::string after = read_bytes(folder.path() / "b.h5");
  EXPECT_EQ(after.size(), before.size());
  EXPECT_TRUE(after == before) << "first differing byte: "
                               << std::ranges::mismatch(before, after).in1 - before.begin();
}

TEST(Checkpoint, AFolderThatCannotBeWrittenIsNamed) {
  const TemporaryFolder folder;
  expect_error([&] { save_example(folder.path() / "none" / "a.h5"); }, {"none/a.h5: cannot be written: No such file"});
  folder.write("file", "");
  expect_error([&] { save_example(folder.path() / "file" / "a.h5"); }, {"file/a.h5: cannot be written: Not a dir"});
  fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec);
  const bool is_root = geteuid() == 0;  // root may write everywhere: be nobody for a moment
  ASSERT_EQ(is_root ? seteuid(65534) : 0, 0);
  const fs::path path = folder.path() / "a.h5";
  expect_error([&] { save_example(path); }, {"a.h5: cannot be written: Permission denied"});
  ASSERT_EQ(is_root ? seteuid(0) : 0, 0);
  fs::permissions(folder.path(), fs::perms::owner_all);
}

TEST(Checkpoint, OpensWithH5dump) {
  if (std::system("command -v h5dump >/dev/null") != 0) GTEST_SKIP() << "h5dump is not installed";
  const TemporaryFolder folder;
  const fs::path path = save_example(folder.path() / "a.h5"), out = folder.path() / "out";
  const std::string command = fmt::format(
      "h5dump -d /weights/transformer.router.bias -d /config -a /seed {} > {} 2>&1", path.string(), out.string());
  ASSERT_EQ(std::system(command.c_str()), 0) << read_bytes(out);
  const std::string text = read_bytes(out);
  for (const char* part : {"H5T_IEEE_F32LE", "-0.003, -0.003, -0.003, -0.003", "trainable", "n_embd: 4",
                           "18446744073709551614"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " in:\n" << text;
}

TEST(CheckpointFolder, LatestNamesTheOneToContinueFrom) {
  const TemporaryFolder run;
  EXPECT_EQ(latest_checkpoint(run.path()), std::nullopt);
  EXPECT_EQ(latest_checkpoint(run.path() / "none"), std::nullopt);
  const fs::path first = save_example(new_checkpoint_path(run.path(), 100));
  EXPECT_EQ(first, run.path() / "checkpoints" / "step_00000100.h5");
  set_latest_checkpoint(first);
  EXPECT_EQ(read_bytes(run.path() / "checkpoints" / "latest"), "step_00000100.h5\n");
  EXPECT_EQ(latest_checkpoint(run.path()), first);
  const fs::path second = save_example(new_checkpoint_path(run.path(), 200));
  EXPECT_EQ(latest_checkpoint(run.path()), first) << "not before it is told";
  {
    const FileSizeLimit full(0);
    expect_error([&] { set_latest_checkpoint(second); }, {"latest"});
  }
  EXPECT_EQ(latest_checkpoint(run.path()), first);
}

// The file `latest` is small and easily lost; a run is known by its checkpoints.
TEST(CheckpointFolder, WithoutLatestTheNewestSoundOneIsTaken) {
  const TemporaryFolder run;
  for (const int64_t step : {100, 200, 300}) save_example(new_checkpoint_path(run.path(), step));
  const fs::path folder = run.path() / "checkpoints";
  EXPECT_EQ(latest_checkpoint(run.path()), folder / "step_00000300.h5") << "no latest";
  fs::resize_file(folder / "step_00000300.h5", 3000);
  EXPECT_EQ(latest_checkpoint(run.path()), folder / "step_00000200.h5") << "the newest is cut short";
  set_latest_checkpoint(folder / "step_00000300.h5");
  EXPECT_EQ(latest_checkpoint(run.path()), folder / "step_00000200.h5") << "latest names one that is cut short";
  for (const char* text : {"", "\n", "../../etc/passwd\n", "step_1/x.h5\n", "step_00000400.h5\n"}) {
    run.write("checkpoints/latest", text);
    EXPECT_EQ(latest_checkpoint(run.path()), folder / "step_00000200.h5") << text;
  }
  for (const char* name : {"step_00000100.h5", "step_00000200.h5"}) fs::remove(folder / name);
  expect_error([&] { latest_checkpoint(run.path()); },
               {"latest names step_00000400.h5, which does not exist, and no checkpoint beside it can be read"});
  fs::remove(folder / "step_00000300.h5");
  fs::remove(folder / "latest");
  EXPECT_FALSE(has_checkpoints(run.path()));
  EXPECT_EQ(latest_checkpoint(run.path()), std::nullopt);
}

TEST(CheckpointFolder, GoingBackSetsLaterOnesAside) {
  const TemporaryFolder run;
  for (const int64_t step : {1, 2, 3, 4}) save_example(new_checkpoint_path(run.path(), step));
  set_latest_checkpoint(run.path() / "checkpoints" / "step_00000004.h5");
  EXPECT_EQ(set_checkpoints_aside(run.path(), 4, run.path() / "aside"), 0);
  EXPECT_FALSE(fs::exists(run.path() / "aside"));
  EXPECT_EQ(set_checkpoints_aside(run.path(), 2, run.path() / "aside"), 2);
  EXPECT_EQ(names_in(run.path() / "aside"), (std::vector<std::string>{"step_00000003.h5", "step_00000004.h5"}));
  EXPECT_EQ(latest_checkpoint(run.path()), run.path() / "checkpoints" / "step_00000002.h5");
}

TEST(CheckpointFolder, KeepsTheNewestAndTheLatest) {
  const TemporaryFolder run;
  for (const int64_t step : {100, 200, 300, 1'000'000'000}) save_example(new_checkpoint_path(run.path(), step));
  set_latest_checkpoint(run.path() / "checkpoints" / "step_00000100.h5");
  run.write("checkpoints/step_00000400.h5.tmp", "left by a killed save");
  run.write("checkpoints/notes.txt", "mine");
  run.write("checkpoints/notes.tmp", "mine");
  keep_checkpoints(run.path(), 2, 0);
  EXPECT_EQ(names_in(run.path() / "checkpoints"),
            (std::vector<std::string>{"latest", "notes.tmp", "notes.txt", "step_00000100.h5", "step_00000300.h5",
                                      "step_1000000000.h5"}));
  expect_error([&] { keep_checkpoints(run.path(), 0, 0); }, {"cannot keep 0 checkpoints"});
}

TEST(CheckpointFolder, KeepsEveryNth) {
  const TemporaryFolder run;
  for (int64_t step = 5; step <= 40; step += 5) save_example(new_checkpoint_path(run.path(), step));
  set_latest_checkpoint(run.path() / "checkpoints" / "step_00000040.h5");
  keep_checkpoints(run.path(), 2, 15);
  EXPECT_EQ(names_in(run.path() / "checkpoints"),
            (std::vector<std::string>{"latest", "step_00000015.h5", "step_00000030.h5", "step_00000035.h5",
                                      "step_00000040.h5"}));
}

}  // namespace
}  // namespace modr

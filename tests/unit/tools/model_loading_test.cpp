#include "tools/cli/model_loading.hpp"

#include <gtest/gtest.h>

#include "loading_support.hpp"
#include "support/expect_error.hpp"

namespace modr::tools {
namespace {

using modr::testing::randomize;
using modr::testing::save;
using modr::testing::tiny_run;

const std::string kDemoTokenizer = MODR_SOURCE_DIR "/data/demo/tokenizer.json";  // 450 ids

TEST(LoadModel, GivesBackWhatWasSaved) {
  const TemporaryFolder folder;
  const RunConfig config = tiny_run(3);
  ModrModel model(config.model, {DType::f32});
  randomize(model, 1);
  model.router_bias().span<float>()[1] = 0.25f;
  const auto file = save(folder, config, model);
  for (const auto& path : {file, folder.path()}) {
    const LoadedModel loaded = load_model(path, {DType::f32});
    EXPECT_EQ(to_yaml(loaded.config), to_yaml(config));
    EXPECT_EQ(loaded.info.step, 3);
    EXPECT_EQ(loaded.tokenizer.vocab_size(), 262);
    ASSERT_EQ(loaded.model->parameters().size(), model.parameters().size());
    for (std::size_t i = 0; i < model.parameters().size(); ++i) {
      EXPECT_EQ(loaded.model->parameters()[i].variable.value().to_vector(),
                model.parameters()[i].variable.value().to_vector())
          << model.parameters()[i].name;
    }
    EXPECT_EQ(loaded.model->router_bias().to_vector(), (std::vector<double>{0, 0.25, 0}));
  }
}

TEST(LoadModel, TokenizerThatIsGoneCanBeNamed) {
  const TemporaryFolder folder;
  RunConfig config = tiny_run(0);
  config.model.vocab_size = 450;
  config.data.tokenizer = "gone/tokenizer.json";
  const auto file = save(folder, config, ModrModel(config.model, {DType::f32}));
  expect_error([&] { load_model(file, {DType::f32}); },
               {file.string(), "gone/tokenizer.json", "not there any more", "--tokenizer FILE"});
  EXPECT_EQ(load_model(file, {DType::f32, "cpu", kDemoTokenizer}).tokenizer.vocab_size(), 450);
}

TEST(LoadModel, TokenizerLargerThanTheVocabularyIsRefused) {
  const TemporaryFolder folder;
  const RunConfig config = tiny_run(0);
  const auto file = save(folder, config, ModrModel(config.model, {DType::f32}));
  expect_error(
      [&] {
        load_model(file, {DType::f32, "cpu", kDemoTokenizer});
      },
      {file.string(), kDemoTokenizer, "450 ids", "vocab_size 262"});
}

TEST(LoadModel, ConfigAndWeightsMustFit) {
  const TemporaryFolder folder;
  const ModrModel model(tiny_run(3).model, {DType::f32});
  const auto extra = save(folder, tiny_run(0), model);
  expect_error([&] { load_model(extra, {DType::f32}); }, {extra.string(), "lora_A", "its config has not"});
  RunConfig wide = tiny_run(3);
  wide.model.intermediate_size += 2;
  const auto narrow = save(folder, wide, model);
  expect_error([&] { load_model(narrow, {DType::f32}); }, {narrow.string(), "mlp.", "expected"});
}

TEST(LoadModel, BadConfigOfACheckpointIsNamed) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "x.h5";
  CheckpointInfo info;
  info.config = "name: x\nmodle: {}\n";
  save_checkpoint(file, info, {}, {});
  expect_error([&] { load_model(file, {DType::f32}); }, {file.string() + ": config:2: modle: unknown key", "'model'"});
}

TEST(LoadModel, FolderWithoutACheckpoint) {
  const TemporaryFolder folder;
  expect_error([&] { load_model(folder.path(), {DType::f32}); }, {folder.path().string(), "expected a checkpoint"});
}

}  // namespace
}  // namespace modr::tools

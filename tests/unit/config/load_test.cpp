#include "config_support.hpp"

namespace modr {
namespace {

TEST_F(ConfigFiles, FillsWhatTheFileLeavesOpen) {
  write("tiny.yaml", kSmall);
  const RunConfig config = load_run_config("tiny.yaml");
  EXPECT_EQ(config.name, "tiny");
  EXPECT_EQ(config.seed, 0u);
  EXPECT_EQ(config.model.n_embd, 8);
  EXPECT_EQ(config.model.block_size, ModelConfig{}.block_size);
  EXPECT_EQ(config.data.train, std::vector<std::string>{"a.jsonl"});
  EXPECT_EQ(config.train.trainable, Trainable::all);
  EXPECT_EQ(config.parallel.data, 0);
  EXPECT_FALSE(config.parallel.stages.is_pipeline());
  EXPECT_EQ(config.parallel.placement, Placement::replicate);
}

TEST_F(ConfigFiles, ReadsEveryKindOfValue) {
  write("run.yaml",
        "name: my-run.1\n"
        "seed: 18446744073709551615\n"
        "model:\n"
        "  n_embd: 8\n  n_heads: +2\n  intermediate_size: 16\n  vocab_size: 262\n"
        "  qk_bias: false\n  norm_eps: 1e-6\n  rope_base: 10000\n"
        "  branches: {n_branches: 4, lora_targets: [mlp.fc], unit: token, gate: straight_through}\n"
        "data: {train: [a.jsonl, \"b c.jsonl\"], format: auto, packing: pack}\n"
        "optim: {decay_shape: cosine, lr: .5, weight_decay: 0}\n"
        "train: {mode: modr, num_steps_no_grad: 0, num_steps_with_grad: 4, dtype: f64, recompute: recurrence}\n"
        "parallel: {stages: {prelude: 1, recurrence: 2, coda: 1}, schedule: gpipe, timeout_s: 30}\n");
  const RunConfig config = load_run_config("run.yaml");
  EXPECT_EQ(config.name, "my-run.1");
  EXPECT_EQ(config.seed, UINT64_MAX);
  EXPECT_EQ(config.model.n_heads, 2);
  EXPECT_FALSE(config.model.qk_bias);
  EXPECT_EQ(config.model.norm_eps, 1e-6);
  EXPECT_EQ(config.model.rope_base, 10000.0);
  EXPECT_EQ(config.model.branches.n_branches, 4);
  EXPECT_EQ(config.model.branches.lora_targets, std::vector<std::string>{"mlp.fc"});
  EXPECT_EQ(config.model.branches.unit, RouteUnit::token);
  EXPECT_EQ(config.model.branches.gate, ops::Gate::straight_through);
  EXPECT_EQ(config.data.train, (std::vector<std::string>{"a.jsonl", "b c.jsonl"}));
  EXPECT_EQ(config.data.packing, Packing::pack);
  EXPECT_EQ(config.optim.decay_shape, DecayShape::cosine);
  EXPECT_EQ(config.optim.lr, 0.5);
  EXPECT_EQ(config.train.num_steps_no_grad, 0);
  EXPECT_EQ(config.train.dtype, DType::f64);
  EXPECT_EQ(config.train.recompute, Recompute::recurrence);
  EXPECT_EQ(config.parallel.stages, (StageRanks{1, 2, 1}));
  EXPECT_EQ(config.parallel.schedule, PipelineOrder::gpipe);
  EXPECT_EQ(config.parallel.timeout_s, 30);
}

TEST_F(ConfigFiles, ModelMayStandInAFileOfItsOwn) {
  write("model/tiny.yaml", "n_embd: 8\nn_heads: 2\nintermediate_size: 16\nvocab_size: 262\nblock_size: 300\n");
  write("run/a.yaml", "model: ../model/tiny.yaml\ndata: {train: [a.jsonl]}\n");
  EXPECT_EQ(load_run_config("run/a.yaml").model.block_size, 300);
  write("run/b.yaml", "model: {n_heads: 1, base: ../model/tiny.yaml}\ndata: {train: [a.jsonl]}\n");
  const RunConfig config = load_run_config("run/b.yaml");
  EXPECT_EQ(config.model.n_heads, 1) << "the map's fields count, wherever `base` stands in it";
  EXPECT_EQ(config.model.block_size, 300);
}

TEST_F(ConfigFiles, PathsAreLookedForFromTheCurrentFolderThenFromTheFiles) {
  write("here.jsonl", "");
  write("run/here.jsonl", "");
  write("run/there.jsonl", "");
  write("run/tokenizer.json", "");
  write("run/a.yaml",
        "model: {n_embd: 8, n_heads: 2, intermediate_size: 16, vocab_size: 262}\n"
        "data: {train: [here.jsonl, there.jsonl, nowhere.jsonl], tokenizer: ./tokenizer.json}\n"
        "train: {init_from: ../here.jsonl, output: runs/x}\n");
  const RunConfig config = load_run_config("run/a.yaml");
  const std::vector<std::string> expected{folder() / "here.jsonl", folder() / "run/there.jsonl", "nowhere.jsonl"};
  EXPECT_EQ(config.data.train, expected);
  EXPECT_EQ(config.data.tokenizer, folder() / "run/tokenizer.json");
  EXPECT_EQ(config.train.init_from, folder() / "here.jsonl");
  EXPECT_EQ(config.train.output, "runs/x") << "an output is made, not found";
}

TEST_F(ConfigFiles, OverridesCountAsIfTheFileSaidSo) {
  write("run.yaml", kSmall);
  write("wide.yaml", "n_embd: 64\nn_heads: 4\nintermediate_size: 16\nvocab_size: 262\n");
  const RunConfig config = load_run_config(
      "run.yaml", {"train.steps=7", "data.train=[x.jsonl, y=z.jsonl]", "model.branches.n_branches=1", "train.mode=lora",
                   "optim.lr=1e-4", "name=other", "data.tokenizer=", "train.steps=8"});
  EXPECT_EQ(config.train.steps, 8) << "the last one counts";
  EXPECT_EQ(config.data.train, (std::vector<std::string>{"x.jsonl", "y=z.jsonl"}));
  EXPECT_EQ(config.model.branches.n_branches, 1);
  EXPECT_EQ(config.optim.lr, 1e-4);
  EXPECT_EQ(config.name, "other");
  EXPECT_EQ(config.data.tokenizer, "");
  const RunConfig wide = load_run_config("run.yaml", {"model.block_size=400", "model=wide.yaml", "model.n_heads=2"});
  EXPECT_EQ(wide.model.n_embd, 64);
  EXPECT_EQ(wide.model.n_heads, 2);
  EXPECT_EQ(wide.model.block_size, ModelConfig{}.block_size) << "model=FILE starts the model over";
}

TEST_F(ConfigFiles, SomeDefaultsFollowFromOtherFields) {
  write("run.yaml", kSmall);
  const RunConfig lora = load_run_config("run.yaml", {"train.mode=lora", "model.branches.n_branches=1"});
  EXPECT_EQ(lora.train.trainable, Trainable::branches);
  const RunConfig all =
      load_run_config("run.yaml", {"train.mode=lora", "model.branches.n_branches=1", "train.trainable=all"});
  EXPECT_EQ(all.train.trainable, Trainable::all);
  const RunConfig brief = load_run_config("run.yaml", {"train.steps=5", "train.global_batch=4"});
  EXPECT_EQ(brief.optim.warmup_steps, 5);
  EXPECT_EQ(brief.train.microbatch, 4);
}

TEST_F(ConfigFiles, EveryConfigOfTheProjectLoads) {
  std::size_t num_files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(MODR_SOURCE_DIR "/configs/run")) {
    const RunConfig config = load_run_config(entry.path());
    EXPECT_EQ(config.name, entry.path().stem()) << "a run file is called what its run is";
    ++num_files;
  }
  EXPECT_GE(num_files, 1u);
}

TEST_F(ConfigFiles, HuginnHasItsSizes) {
  write("run.yaml", fmt::format("model: {}/configs/model/huginn_3_5b.yaml\ndata: {{train: [a.jsonl]}}\n",
                                MODR_SOURCE_DIR));
  const ModelConfig model = load_run_config("run.yaml").model;
  EXPECT_EQ(model.n_embd, 5280);
  EXPECT_EQ(model.head_dim(), 96);
  EXPECT_EQ(model.block_size, 4096);
}

}  // namespace
}  // namespace modr

#include <cmath>
#include <limits>

#include "base/philox.hpp"
#include "config_support.hpp"

namespace modr {
namespace {

RunConfig small_config() {
  RunConfig config;
  config.name = "x";
  config.model.n_embd = 8;
  config.model.n_heads = 2;
  config.model.intermediate_size = 16;
  config.model.vocab_size = 262;
  config.data.train = {"a.jsonl"};
  return config;
}

// Doubles that no short decimal hits must come back bit for bit.
TEST(RoundTrip, KeepsEveryBitOfANumber) {
  PhiloxSequence random(7, RandomStream::data);
  RunConfig config = small_config();
  for (int i = 0; i < 200; ++i) {
    config.seed = (uint64_t{random.next_u32()} << 32) | random.next_u32();
    config.model.norm_eps = std::ldexp(random.uniform(), -static_cast<int>(random.below(1000)));
    config.optim.lr = random.uniform() / 3;
    const RunConfig again = parse_run_config(to_yaml(config), "text");
    ASSERT_EQ(again.seed, config.seed);
    ASSERT_EQ(again.model.norm_eps, config.model.norm_eps);
    ASSERT_EQ(again.optim.lr, config.optim.lr);
  }
  config.model.rope_base = std::numeric_limits<double>::max();
  EXPECT_EQ(parse_run_config(to_yaml(config), "text").model.rope_base, config.model.rope_base);
}

TEST(RoundTrip, KeepsEveryField) {
  const std::string text =
      "name: all\nseed: 3\n"
      "model:\n  n_embd: 16\n  n_heads: 4\n  intermediate_size: 24\n  vocab_size: 300\n  n_layers_in_prelude: 2\n"
      "  n_layers_in_recurrent_block: 3\n  n_layers_in_coda: 4\n  block_size: 512\n  qk_bias: false\n"
      "  tie_embeddings: false\n  norm_eps: 1e-05\n  rope_base: 10000\n  emb_scale: 2.5\n  state_init_std: 0.125\n"
      "  mean_recurrence: 7\n  mean_backprop_depth: 3\n  branches:\n    n_branches: 3\n    lora_rank: 5\n"
      "    lora_alpha: 7.5\n    lora_targets: [mlp.fc, attn.proj]\n    unit: sequence\n    when: recurrence\n"
      "    score: softmax\n    top_k: 2\n    gate: straight_through\n    bias_update_rate: 0.002\n"
      "data:\n  train: [a.jsonl, b.jsonl]\n  format: llm_adapters\n  tokenizer: t.json\n  prompt: chat\n"
      "  loss_on: answer\n  packing: pack\n  max_seq_len: 100\n  pad_multiple: 4\n"
      "optim:\n  lr: 0.002\n  beta1: 0.8\n  beta2: 0.9\n  eps: 1e-07\n  weight_decay: 0.2\n  decay_vectors: true\n"
      "  clip_norm: 0.5\n  warmup_steps: 11\n  decay_steps: 12\n  decay_fraction: 0.3\n  decay_shape: cosine\n"
      "  min_lr: 0.0001\n"
      "train:\n  mode: modr\n  trainable: all\n  init_from: c.h5\n  output: out\n  steps: 99\n  global_batch: 6\n"
      "  microbatch: 3\n  num_steps_no_grad: 1\n  num_steps_with_grad: 2\n  recompute: recurrence\n  dtype: f64\n"
      "  device: cuda:1\n  log_every: 4\n  checkpoint_every: 5\n  keep_checkpoints: 6\n  keep_every: 7\n"
      "  async_save: false\n  stop_margin_s: 7.5\n"
      "  guard:\n    window: 40\n    z_score: 6.5\n    max_skipped: 2\n"
      "parallel:\n  data: 2\n  stages:\n    prelude: 1\n    recurrence: 4\n    coda: 3\n  branch: 2\n"
      "  placement: auto\n  merge_up_to: 3\n  schedule: gpipe\n  timeout_s: 2.5\n";
  EXPECT_EQ(to_yaml(parse_run_config(text, "text")), text) << "each of these values differs from its default";
}

TEST(RoundTrip, KeepsTextsThatLookLikeSomethingElse) {
  for (const std::string text :
       {"", "~", "null", "true", "12", "1e5", " blanks ", "a: b", "#x", "[a, b]", "'", "\"", "line\nbreak", "tab\t",
        "ü ☃ 𝄞", "- a", "*a", "&a", "%x", "back\\slash", "{", "?", "a,b"}) {
    RunConfig config = small_config();
    config.data.tokenizer = text;
    config.data.train = {"x", text.empty() ? "y" : text, "z"};
    const RunConfig again = parse_run_config(to_yaml(config), "text");
    EXPECT_EQ(again.data.tokenizer, text) << to_yaml(config);
    EXPECT_EQ(again.data.train, config.data.train) << to_yaml(config);
  }
}

TEST(RoundTrip, NamesTheOriginOfABadText) {
  try {
    parse_run_config("seed: x\n", "step_00000010.h5: config");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "step_00000010.h5: config:1: seed: expected a whole number, found 'x'");
  }
}

}  // namespace
}  // namespace modr

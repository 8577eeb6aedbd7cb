// Every kind of mistake, and the line that it gets.
#include "config_support.hpp"

namespace modr {
namespace {

const std::string kModel = "model: {n_embd: 8, n_heads: 2, intermediate_size: 16, vocab_size: 262}\n";
const std::string kData = "data: {train: [a.jsonl]}\n";

TEST_F(ConfigFiles, UnknownKey) {
  EXPECT_EQ(error_of("model:\n  n_embd: 8\n  n_head: 2\n"),
            "run.yaml:3: model.n_head: unknown key; did you mean 'n_heads'?");
  EXPECT_EQ(error_of("modle: {}\n"), "run.yaml:1: modle: unknown key; did you mean 'model'?");
  EXPECT_EQ(error_of(kModel + "train: {lr: 1}\n"), "run.yaml:2: train.lr: unknown key; did you mean 'optim.lr'?");
  EXPECT_EQ(error_of("model: {branches: {n_branch: 4}}\n"),
            "run.yaml:1: model.branches.n_branch: unknown key; did you mean 'n_branches'?");
  EXPECT_EQ(error_of("seed: 1\nxyzzy: 1\n"),
            "run.yaml:2: xyzzy: unknown key; expected one of name, seed, model, data, optim, train, parallel");
}

TEST_F(ConfigFiles, WrongType) {
  EXPECT_EQ(error_of("model:\n  n_embd: wide\n"), "run.yaml:2: model.n_embd: expected a whole number, found 'wide'");
  EXPECT_EQ(error_of("model: {n_embd: 8.5}\n"), "run.yaml:1: model.n_embd: expected a whole number, found '8.5'");
  EXPECT_EQ(error_of("model: {n_embd: \"8\"}\n"), "run.yaml:1: model.n_embd: expected a whole number, found '8'");
  EXPECT_EQ(error_of("model: {n_embd: [8]}\n"), "run.yaml:1: model.n_embd: expected a whole number, found a list");
  EXPECT_EQ(error_of("model: {n_embd: }\n"), "run.yaml:1: model.n_embd: expected a whole number, found nothing");
  EXPECT_EQ(error_of("model: {qk_bias: yes}\n"), "run.yaml:1: model.qk_bias: expected true or false, found 'yes'");
  EXPECT_EQ(error_of("optim: {lr: fast}\n"), "run.yaml:1: optim.lr: expected a number, found 'fast'");
  EXPECT_EQ(error_of("optim: {lr: nan}\n"), "run.yaml:1: optim.lr: expected a finite number, found 'nan'");
  EXPECT_EQ(error_of("optim: 3\n"), "run.yaml:1: optim: expected a map of settings, found '3'");
  EXPECT_EQ(error_of("data: {train: a.jsonl}\n"),
            "run.yaml:1: data.train: expected a list of texts, such as [a, b], found 'a.jsonl'");
  EXPECT_EQ(error_of("data: {train: [a.jsonl, {b: c}]}\n"),
            "run.yaml:1: data.train[1]: expected a text, found a map");
  EXPECT_EQ(error_of("data: {tokenizer: ~}\n"), "run.yaml:1: data.tokenizer: expected a text, found nothing");
  EXPECT_EQ(error_of("- a\n- b\n"), "run.yaml:1: expected a map of settings, found a list");
  EXPECT_EQ(error_of("? [a, b]\n: 1\n"), "run.yaml:1: expected a key, found a list");
}

TEST_F(ConfigFiles, NumberThatDoesNotFit) {
  EXPECT_EQ(error_of("model: {n_embd: 9223372036854775808}\n"),
            "run.yaml:1: model.n_embd: expected a whole number that fits in 64 bits, found '9223372036854775808'");
  EXPECT_EQ(error_of("seed: -1\n"), "run.yaml:1: seed: expected a whole number from 0, found '-1'");
  EXPECT_EQ(error_of("seed: 18446744073709551616\n"),
            "run.yaml:1: seed: expected a whole number that fits in 64 bits, found '18446744073709551616'");
  EXPECT_EQ(error_of("optim: {lr: 1e999}\n"), "run.yaml:1: optim.lr: expected a finite number, found '1e999'");
}

TEST_F(ConfigFiles, UnknownChoice) {
  EXPECT_EQ(error_of("train:\n  mode: modrr\n"),
            "run.yaml:2: train.mode: expected pretrain or lora or modr, found 'modrr'");
  EXPECT_EQ(error_of("train: {mode: [modr]}\n"),
            "run.yaml:1: train.mode: expected pretrain or lora or modr, found a list");
  EXPECT_EQ(error_of("parallel: {placement: automatic}\n"),
            "run.yaml:1: parallel.placement: expected replicate or exchange or auto, found 'automatic'");
  EXPECT_EQ(error_of("parallel: {schedule: 1f1b1}\n"),
            "run.yaml:1: parallel.schedule: expected 1f1b or gpipe, found '1f1b1'");
  EXPECT_EQ(error_of("train: {dtype: bf8}\n"), "run.yaml:1: train.dtype: expected f32 or f64 or bf16, found 'bf8'");
}

TEST_F(ConfigFiles, DuplicateKey) {
  EXPECT_EQ(error_of("model:\n  n_embd: 8\n  n_heads: 2\n  n_embd: 16\n"),
            "run.yaml:4: model.n_embd: this key stands twice, first in run.yaml:2");
  EXPECT_EQ(error_of("seed: 1\nseed: 1\n"), "run.yaml:2: seed: this key stands twice, first in run.yaml:1");
}

TEST_F(ConfigFiles, MalformedYaml) {
  EXPECT_EQ(error_of("seed: 1\nmodel: {n_embd: 8\ndata: x\n").substr(0, 27), "run.yaml:3: malformed YAML:");
  EXPECT_EQ(error_of("seed: 1\n\tname: x\n").substr(0, 27), "run.yaml:2: malformed YAML:");
  EXPECT_EQ(error_of("seed: 1\n---\nseed: 2\n"),
            "run.yaml: expected one YAML document, found more behind it");
  EXPECT_EQ(error_of(",seed: 1\n"), "run.yaml: expected one YAML document, found more behind it");
  EXPECT_EQ(error_of(std::string(100'000, '[')).substr(0, 27), "run.yaml:1: malformed YAML:");
  EXPECT_NE(error_of(std::string("\0\xff\xfe\x01", 4)), "no error");
  EXPECT_EQ(error_of(""), "run.yaml: expected a map of settings, found nothing");
}

TEST_F(ConfigFiles, MissingField) {
  EXPECT_EQ(error_of("model: {n_embd: 8, n_heads: 2, intermediate_size: 16}\n" + kData),
            "run.yaml: model.vocab_size is missing");
  EXPECT_EQ(error_of(kData), "run.yaml: model.n_embd is missing");
  EXPECT_EQ(error_of(kModel), "run.yaml: data.train: expected at least one file, found none");
}

TEST_F(ConfigFiles, ImpossibleValuesAreToldWithTheirLine) {
  EXPECT_EQ(error_of("model:\n  n_embd: 9\n  n_heads: 2\n  intermediate_size: 16\n  vocab_size: 262\n" + kData),
            "run.yaml:2: model.n_embd: expected a multiple of n_heads, found 9 with 2 heads");
  EXPECT_EQ(error_of("model:\n  n_embd: 6\n  n_heads: 2\n  intermediate_size: 16\n  vocab_size: 262\n" + kData),
            "run.yaml:3: model.n_heads: expected an even head size for the rotary positions, found n_embd / n_heads = "
            "3");
  EXPECT_EQ(error_of(kModel + "data: {train: [a, '']}\n"),
            "run.yaml:2: data.train[1]: expected a file's path, found an empty text");
  EXPECT_EQ(error_of(kModel + kData + "train:\n  steps: 0\n"),
            "run.yaml:4: train.steps: expected a number of at least 1, found 0");
  EXPECT_EQ(error_of(kModel + kData + "train:\n  guard: {window: 31}\n"),
            "run.yaml:4: train.guard.window: expected a number of at least 32, found 31");
  EXPECT_EQ(error_of(kModel + kData + "train:\n  guard:\n    z_score: -1\n"),
            "run.yaml:5: train.guard.z_score: expected a number from 0, found -1");
  EXPECT_EQ(error_of(kModel + kData + "train:\n  stop_margin_s: -0.5\n"),
            "run.yaml:4: train.stop_margin_s: expected a number from 0, found -0.5");
  EXPECT_EQ(error_of(kModel + kData + "parallel:\n  stages:\n    prelude: 1\n    recurrence: 0\n    coda: 1\n"),
            "run.yaml:6: parallel.stages.recurrence: expected at least 1 where the other stages have ranks, found 0");
  EXPECT_EQ(error_of(kModel + kData + "name: a/b\n"),
            "run.yaml:3: name: expected letters, digits, '_', '-' and '.' (it names a folder), found 'a/b'");
}

TEST_F(ConfigFiles, PartsThatDoNotFitTogether) {
  const auto with_mode = [&](const std::string& mode, int branches) {
    return error_of(fmt::format("train: {{mode: {}}}\nmodel:\n  n_embd: 8\n  n_heads: 2\n  intermediate_size: 16\n"
                                "  vocab_size: 262\n  branches: {{n_branches: {}}}\n{}",
                                mode, branches, kData));
  };
  EXPECT_EQ(with_mode("pretrain", 4),
            "run.yaml:7: model.branches.n_branches: expected 0 with train.mode: pretrain, found 4");
  EXPECT_EQ(with_mode("lora", 2), "run.yaml:7: model.branches.n_branches: expected 1 with train.mode: lora, found 2");
  EXPECT_EQ(with_mode("modr", 1),
            "run.yaml:7: model.branches.n_branches: expected at least 2 with train.mode: modr, found 1");
  EXPECT_EQ(with_mode("pretrain", 0), "no error");
  EXPECT_EQ(with_mode("lora", 1), "no error");
  EXPECT_EQ(with_mode("modr", 2), "no error");
  EXPECT_EQ(error_of(kModel + "data: {train: [a], max_seq_len: 257}\n"),
            "run.yaml:2: data.max_seq_len: expected at most model.block_size (256), found 257");
  EXPECT_EQ(error_of(kModel + kData + "train: {steps: 5}\noptim: {warmup_steps: 6}\n"),
            "run.yaml:4: optim.warmup_steps: expected at most train.steps (5), found 6");
  EXPECT_EQ(error_of(kModel + kData + "train: {steps: 5}\noptim: {decay_steps: 6}\n"),
            "run.yaml:4: optim.decay_steps: expected at most train.steps (5), found 6");
}

TEST_F(ConfigFiles, ModelFile) {
  EXPECT_EQ(error_of("seed: 1\nmodel: nowhere.yaml\n"),
            "run.yaml:2: model: nowhere.yaml: cannot be read: No such file or directory");
  write("self.yaml", "base: self.yaml\n");
  const std::string expected =
      (folder() / "self.yaml").string() + ":1: model.base: unknown key; expected one of n_embd,";
  EXPECT_EQ(error_of("model: self.yaml\n").substr(0, expected.size()), expected);
  write("odd.yaml", "n_embd: 8\nn_heads: two\n");
  EXPECT_EQ(error_of("model: {base: odd.yaml}\n"),
            fmt::format("{}:2: model.n_heads: expected a whole number, found 'two'", (folder() / "odd.yaml").string()));
}

TEST_F(ConfigFiles, FileThatCannotBeRead) {
  EXPECT_THROW(load_run_config("nowhere.yaml"), Error);
  std::filesystem::create_directory("folder.yaml");
  try {
    load_run_config("folder.yaml");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "folder.yaml: expected a config file, found a folder");
  }
}

TEST_F(ConfigFiles, Override) {
  EXPECT_EQ(usage_error_of("train.steps"), "--set train.steps: expected key.path=value, such as train.steps=100");
  EXPECT_EQ(usage_error_of("=3"), "--set =3: expected key.path=value, such as train.steps=100");
  EXPECT_EQ(usage_error_of("train..steps=3"),
            "--set train..steps=3: expected key.path=value, such as train.steps=100");
  EXPECT_EQ(usage_error_of("train.step=3"), "--set train.step=3: train.step: unknown key; did you mean 'steps'?");
  EXPECT_EQ(usage_error_of("train.steps=many"),
            "--set train.steps=many: train.steps: expected a whole number, found 'many'");
  EXPECT_EQ(usage_error_of("train.steps="), "--set train.steps=: train.steps: expected a whole number, found ''");
  EXPECT_EQ(usage_error_of("data.train=[a").substr(0, 36), "--set data.train=[a: malformed YAML:");
  EXPECT_EQ(usage_error_of("train=3"), "--set train=3: train: expected a map of settings, found '3'");
  EXPECT_EQ(usage_error_of("train.steps.x=3"),
            "--set train.steps.x=3: train.steps: expected a whole number, found a map");
  EXPECT_EQ(usage_error_of("model.n_embd=9"),
            "--set model.n_embd=9: model.n_embd: expected a multiple of n_heads, found 9 with 2 heads");
}

}  // namespace
}  // namespace modr

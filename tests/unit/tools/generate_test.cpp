#include "model/generate.hpp"

#include <gtest/gtest.h>

#include "dataset/prompt_template.hpp"
#include "loading_support.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/model_loading.hpp"

namespace modr::tools {
namespace {

using modr::testing::randomize;
using modr::testing::save;
using modr::testing::tiny_run;

struct Printed {
  int code;
  std::string out, err;
};

Printed run(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "generate");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  const int code = run_generate(static_cast<int>(argv.size()), argv.data());
  return {code, ::testing::internal::GetCapturedStdout(), ::testing::internal::GetCapturedStderr()};
}

class Generate : public ::testing::Test {
 protected:
  void SetUp() override {
    const RunConfig config = tiny_run(3);
    ModrModel model(config.model, DType::f32);
    randomize(model, 1);
    file_ = save(folder_, config, model);
  }

  // The library's own answer, decoded at once.
  std::string expected(const std::vector<int32_t>& tokens, const GenerateOptions& given) const {
    const LoadedModel loaded = load_model(file_, {DType::f32});
    GenerateOptions options = given;
    options.stop_ids = {loaded.tokenizer.eos_id()};
    const Prompt prompt{tokens};
    return loaded.tokenizer.decode(generate(*loaded.model, {&prompt, 1}, options).front().tokens, true) + "\n";
  }

  TemporaryFolder folder_;
  std::string file_;
};

TEST_F(Generate, StreamsWhatTheModelGenerates) {
  const Tokenizer bytes = Tokenizer::bytes();
  const Printed printed = run({"--checkpoint", file_, "--prompt", "How many?", "--max-new-tokens", "12"});
  GenerateOptions options;
  options.num_steps = 3;  // the model's mean
  options.max_new_tokens = 12;
  EXPECT_EQ(printed.code, 0);
  EXPECT_EQ(printed.out, expected(PromptTemplate(PromptStyle::plain, bytes).prompt("How many?"), options));
  EXPECT_NE(printed.err.find("12 tokens in "), std::string::npos) << printed.err;
  EXPECT_NE(printed.err.find("3.00 recurrences a forward pass"), std::string::npos) << printed.err;
  EXPECT_NE(printed.err.find("branches: "), std::string::npos) << printed.err;
}

TEST_F(Generate, OptionsReachTheModel) {
  const Printed printed = run({"--checkpoint", file_, "--prompt", "ab", "--raw", "--max-new-tokens", "9", "--num-steps",
                               "5", "--cache", "compress-s2", "--seed", "7", "--continuous-compute"});
  GenerateOptions options;
  options.num_steps = 5;
  options.max_new_tokens = 9;
  options.cache = parse_cache_config("compress-s2");
  options.seed = 7;
  options.continuous_compute = true;
  EXPECT_EQ(printed.out, expected(Tokenizer::bytes().encode("ab", true), options));
}

TEST_F(Generate, ExitRuleSavesRecurrences) {
  const Printed printed = run({"--checkpoint", file_, "--prompt", "ab", "--max-new-tokens", "4", "--num-steps", "9",
                               "--exit", "latent-diff:1e9", "--cache", "latest-m4"});
  EXPECT_NE(printed.err.find("; 1.00 recurrences a forward pass"), std::string::npos) << printed.err;
}

TEST_F(Generate, PromptThatLeavesNoRoomIsRefused) {
  EXPECT_THROW(run({"--checkpoint", file_, "--prompt", std::string(100, 'x')}), Error);
  ::testing::internal::GetCapturedStdout();
  ::testing::internal::GetCapturedStderr();
}

}  // namespace
}  // namespace modr::tools

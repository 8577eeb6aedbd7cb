// Decoding on a GPU beside the CPU: few rows, which products make themselves, and many, which they do not.
#include <gtest/gtest.h>

#include <cmath>

#include "model/decoder.hpp"
#include "ops/decode_linear.hpp"
#include "support/tiny_model.hpp"

namespace modr {
namespace {

const Device gpu{DeviceKind::cuda, 0};
constexpr int64_t num_steps = 3, prompt = 4, tokens = 3;

ModelConfig config_of(RouteUnit unit) {
  ModelConfig config = testing::tiny_config(3);
  config.n_embd = 64;
  config.intermediate_size = 40;
  config.block_size = 16;
  config.branches.unit = unit;
  return config;
}

// The sequences' logits after the prompt and after each further token, [tokens + 1][sequences * vocab_size].
std::vector<std::vector<double>> decode(const ModrModel& model, const std::vector<int64_t>& samples) {
  const ModelConfig& config = model.config();
  const auto count = static_cast<int64_t>(samples.size());
  Decoder decoder(model, KvCache(config, {}, count, prompt + tokens, num_steps, model.type()));
  std::vector<std::vector<double>> logits;
  for (int64_t done = 0; done < prompt + tokens; done += logits.size() == 1 ? prompt : 1) {
    DecodeCall call;
    call.seq = logits.empty() ? prompt : 1;
    std::vector<int32_t> ids;
    std::vector<StateKey> keys;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t sample = samples[static_cast<std::size_t>(i)];
      call.sequences.push_back(i);
      call.counts.push_back(call.seq);
      for (int64_t at = done; at < done + call.seq; ++at) {
        ids.push_back(static_cast<int32_t>((5 * sample + 3 * at) % config.vocab_size));
        keys.push_back({7, static_cast<uint64_t>(sample), static_cast<uint32_t>(at)});
      }
    }
    call.ids = make_indices(std::move(ids));
    call.initial_state = initial_states(config, keys, model.type());
    call.num_steps = num_steps;
    logits.push_back(decoder(call).logits.to_vector());
  }
  return logits;
}

// (A rounding to the other side, of a tiny model's bf16, is up to 0.04 of the logits in the end.)
void expect_close(const std::vector<std::vector<double>>& got, const std::vector<std::vector<double>>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t token = 0; token < got.size(); ++token) {
    ASSERT_EQ(got[token].size(), want[token].size());
    double size = 0, error = 0;
    for (std::size_t i = 0; i < got[token].size(); ++i) {
      size += want[token][i] * want[token][i];
      error += (got[token][i] - want[token][i]) * (got[token][i] - want[token][i]);
    }
    EXPECT_LT(std::sqrt(error / size), 0.1) << "after " << token << " tokens";
  }
}

// Merged, so that a branch is one weight; a single sequence has all its rows in one branch.
TEST(DecodingOnAGpu, IsThatOfTheCpu) {
  for (const RouteUnit unit : {RouteUnit::sequence, RouteUnit::token}) {
    const ModelConfig config = config_of(unit);
    ModrModel on_cpu(config, DType::bf16, Trainable::none), on_gpu(config, {DType::bf16, gpu}, Trainable::none);
    testing::randomize(on_cpu, 3);
    testing::share_values(on_cpu, on_gpu);
    on_cpu.pack_weights({false, 3});
    on_gpu.pack_weights({false, 3});
    for (const std::vector<int64_t>& samples : {std::vector<int64_t>{0}, {0, 1, 2}, {0, 1, 2, 3, 4, 5}})
      expect_close(decode(on_gpu, samples), decode(on_cpu, samples));
  }
}

TEST(DecodingOnAGpu, MakesFewRowsWithoutGradients) {
  const Variable few(Tensor::zeros({4, 64}, {DType::bf16, gpu})), many(Tensor::zeros({5, 64}, {DType::bf16, gpu}));
  EXPECT_FALSE(ops::makes_rows(few, 64));
  const NoGrad guard;
  EXPECT_TRUE(ops::makes_rows(few, 64));
  EXPECT_FALSE(ops::makes_rows(many, 64));
  EXPECT_FALSE(ops::makes_rows(few, 60));
  EXPECT_FALSE(ops::makes_rows(Variable(Tensor::zeros({4, 64}, DType::bf16)), 64));
  EXPECT_FALSE(ops::makes_rows(Variable(Tensor::zeros({4, 64}, {DType::f32, gpu})), 64));
}

}  // namespace
}  // namespace modr

#include "checkpoint/summary.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "support/expect_error.hpp"
#include "support/random_tensor.hpp"
#include "support/temporary_folder.hpp"

namespace modr {
namespace {

using testing::random_tensor;

// ||B A|| by forming the product.
double product_norm(const Tensor& a, const Tensor& b, int64_t branch) {
  const std::vector<double> x = a.to_vector(), y = b.to_vector();
  const int64_t rank = a.size(1), in = a.size(2), out = b.size(1);
  double squares = 0;
  for (int64_t o = 0; o < out; ++o)
    for (int64_t i = 0; i < in; ++i) {
      double sum = 0;
      for (int64_t r = 0; r < rank; ++r)
        sum += y[static_cast<std::size_t>((branch * out + o) * rank + r)] *
               x[static_cast<std::size_t>((branch * rank + r) * in + i)];
      squares += sum * sum;
    }
  return std::sqrt(squares);
}

TEST(Summary, LoraNormsAreThoseOfTheProducts) {
  const Tensor a = random_tensor({3, 4, 11}, DType::f64), b = random_tensor({3, 7, 4}, DType::f64);
  const std::vector<double> norms = lora_product_norms(a, b);
  ASSERT_EQ(norms.size(), 3U);
  for (int64_t branch = 0; branch < 3; ++branch)
    EXPECT_NEAR(norms[static_cast<std::size_t>(branch)], product_norm(a, b, branch), 1e-12);
  EXPECT_EQ(lora_product_norms(a, Tensor::zeros({3, 7, 4}, DType::f64)), std::vector<double>(3, 0.0));
  EXPECT_THROW(lora_product_norms(a, Tensor::zeros({3, 4, 7}, DType::f64)), Error);
}

TEST(Summary, StatsLeaveOutWhatIsNotFinite) {
  const std::vector<double> values{3, -4, std::numeric_limits<double>::infinity(), std::nan("")};
  const TensorStats stats = stats_of(Tensor::from<double>(values, {4}, DType::f32));
  EXPECT_EQ(stats.norm, 5);
  EXPECT_EQ(stats.min, -4);
  EXPECT_EQ(stats.max, 3);
  EXPECT_EQ(stats.mean, -0.5);
  EXPECT_EQ(stats.deviation, 3.5);
  EXPECT_EQ(stats.num_not_finite, 2);
  EXPECT_EQ(stats_of(Tensor::zeros({0}, DType::f32)).max, 0);
}

TEST(Summary, OfACheckpoint) {
  const TemporaryFolder folder;
  const std::string target = "transformer.core_block.0.attn.proj";
  const Tensor a = random_tensor({2, 3, 5}, DType::f32), b = random_tensor({2, 6, 3}, DType::f32);
  const Tensor bias = random_tensor({2}, DType::f32);
  save_checkpoint(folder.path() / "a.h5", {},
                  {{target + ".lora_B", b, true},
                   {target + ".lora_A", a, true},
                   {target + ".weight", random_tensor({6, 5}, DType::f32), false},
                   {"transformer.router.bias", bias, false}},
                  {{"exp_avg/" + target + ".lora_A", a}});
  const CheckpointSummary summary = summarise(CheckpointReader(folder.path() / "a.h5"), true);
  EXPECT_EQ(summary.num_values(true), 2 * 3 * 5 + 2 * 6 * 3);
  EXPECT_EQ(summary.num_values(false), 6 * 5 + 2);
  EXPECT_EQ(summary.num_optimizer_values, 30);
  EXPECT_EQ(summary.router_bias, bias.to_vector());
  ASSERT_EQ(summary.lora.size(), 1U);
  EXPECT_EQ(summary.lora[0].target, target);
  EXPECT_EQ(summary.lora[0].rank, 3);
  EXPECT_NEAR(summary.lora[0].norms[1], product_norm(a, b, 1), 1e-12);
  EXPECT_EQ(summary.optimizer_digest, digest_of("optimizer/exp_avg/" + target + ".lora_A", "f32", a));
}

TEST(Summary, NamesLoraTensorsThatDoNotFit) {
  const TemporaryFolder folder;
  save_checkpoint(folder.path() / "a.h5", {},
                  {{"x.lora_A", random_tensor({2, 3, 5}, DType::f32), true},
                   {"x.lora_B", random_tensor({2, 6, 4}, DType::f32), true}},
                  {});
  const CheckpointReader reader(folder.path() / "a.h5");
  expect_error([&] { summarise(reader, false); }, {"a.h5: weights/x: lora_A [2, 3, 5] and lora_B [2, 6, 4]"});
}

// The value was computed from the definition in digest.hpp by a separate program (Python).
TEST(Digest, IsTheDocumentedFunction) {
  const std::vector<float> values{1.0F, -0.0F, 2.5F};
  const Tensor tensor = Tensor::from<float>(values, {3, 1}, DType::f32);
  EXPECT_EQ(digest_of("a.b", "f32", tensor).hex(), "afd25aa2981b7a74bd3fa4b7fca397d8");
}

TEST(Digest, SeesEveryChangeButNoOrderOfTensors) {
  const Tensor x = random_tensor({4, 6}, DType::f32), y = random_tensor({5}, DType::f64);
  Digest forward = digest_of("x", "f32", x), backward = digest_of("y", "f64", y);
  forward += digest_of("y", "f64", y);
  backward += digest_of("x", "f32", x);
  EXPECT_EQ(forward, backward);
  const Digest original = digest_of("x", "f32", x);
  EXPECT_EQ(digest_of("x", "f32", x.transpose(0, 1).contiguous().transpose(0, 1)), original);  // strides are no content
  EXPECT_NE(digest_of("z", "f32", x), original);
  EXPECT_NE(digest_of("x", "bf16", x), original);
  EXPECT_NE(digest_of("x", "f32", x.view({6, 4})), original);
  EXPECT_NE(digest_of("x", "f32", x.transpose(0, 1)), original);
  for (std::size_t i = 0; i < 24; ++i) {
    const Tensor changed = x.clone();
    changed.data<float>()[i] = std::nextafter(changed.data<float>()[i], 10.0F);
    EXPECT_NE(digest_of("x", "f32", changed), original) << i;
  }
}

}  // namespace
}  // namespace modr

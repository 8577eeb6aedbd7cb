// kernels/cuda/fused_attention.cu against its twin on the CPU: on a GPU with cuDNN; on the emulated device with loops
// in place of cuDNN (support/fused_plan_by_loops.cpp), so that what cuDNN is told is seen to be right.
#include "kernels/cuda/fused_attention.hpp"

#include "support/twins.hpp"

namespace modr::kernels {
namespace {

using namespace modr::test;

struct Case {
  std::vector<int64_t> offsets;
  int64_t heads, head_dim;
  int64_t most_scores;  // of a call, in bytes: a head of a sequence of up to 128 rows has 32 KiB

  AttentionShape on_host() const { return shape_on_host(offsets.data(), std::ssize(offsets) - 1, heads, head_dim); }
  int64_t rows() const { return offsets.back(); }
  int64_t width() const { return heads * head_dim; }

  friend void PrintTo(const Case& c, std::ostream* out) {
    *out << c.rows() << " rows, " << c.heads << " heads of " << c.head_dim << ", " << (c.most_scores >> 10)
         << " KiB a call";
  }
};

constexpr int64_t enough = 512 << 20;
// Empty sequences and single rows; all in one call, a few sequences a call, one, and heads one by one.
const Case cases[] = {{{0, 1}, 1, 16, enough},
                      {{0, 0, 5, 40}, 2, 96, enough},
                      {{0, 33, 33, 34, 50, 90}, 3, 32, enough},
                      {{0, 33, 33, 34, 50, 90}, 3, 32, 200 << 10},
                      {{0, 33, 33, 34, 50, 90}, 3, 32, 100 << 10},
                      {{0, 33, 33, 34, 50, 90}, 3, 32, 32 << 10},
                      {{0, 70, 70, 71}, 4, 64, 64 << 10},
                      {{0, 129, 160}, 1, 128, enough},
                      {{0, 300, 333}, 2, 96, enough}};

class FusedAttention : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override { most_fused_scores = GetParam().most_scores; }
  void TearDown() override { most_fused_scores = enough; }
};

template <typename T>
std::vector<T> empty_values(int64_t n) {
  return std::vector<T>(static_cast<std::size_t>(n));
}

// What the CPU has for a case.
struct Expected {
  std::vector<bfloat16> qkv, dout, out, dqkv;
  std::vector<float> log_sum_exp;

  explicit Expected(const Case& c)
      : qkv(values<bfloat16>(c.rows() * 3 * c.width())),
        dout(values<bfloat16>(c.rows() * c.width(), 2)),
        out(dout.size()),
        dqkv(qkv.size()),
        log_sum_exp(empty_values<float>(c.heads * c.rows())) {
    const AttentionShape shape = c.on_host();
    std::vector<float> room = empty_values<float>(causal_attention_workspace<bfloat16>(Cpu{}, shape)),
                       delta(log_sum_exp.size());
    causal_attention<bfloat16>(Cpu{}, {shape, qkv.data(), out.data(), log_sum_exp.data(), room.data()});
    room.resize(static_cast<std::size_t>(causal_attention_backward_workspace<bfloat16>(Cpu{}, shape)));
    causal_attention_backward<bfloat16>(Cpu{}, {shape, dout.data(), qkv.data(), out.data(), log_sum_exp.data(),
                                                delta.data(), room.data(), dqkv.data()});
  }
};

// Behind the last row come NaNs, of which nothing may get into a result: tiles of rows end behind it.
DeviceVector<bfloat16> before_nans(std::vector<bfloat16> values, int64_t row) {
  values.resize(values.size() + static_cast<std::size_t>(128 * row), bfloat16(NAN));
  return DeviceVector<bfloat16>(values);
}

// The same of the device.
struct Found {
  std::vector<bfloat16> out, dqkv;
  std::vector<float> log_sum_exp;
};

// False where there are no fused kernels.
bool run(const Case& c, const Expected& e, Found& found) {
  const DeviceStream stream;
  const DeviceVector<int64_t> offsets(c.offsets);
  AttentionShape shape = c.on_host();
  shape.offsets = offsets.data();
  const DeviceVector<bfloat16> qkv = before_nans(e.qkv, 3 * c.width()), dout = before_nans(e.dout, c.width()),
                               out(e.out.size()), dqkv(e.dqkv.size());
  const DeviceVector<float> log_sum_exp(e.log_sum_exp.size());
  if (!attend_fused(stream.place(), CausalAttention<bfloat16>{shape, qkv.data(), out.data(), log_sum_exp.data(), {}}))
    return false;
  EXPECT_TRUE(attend_backward_fused(
      stream.place(), CausalAttentionBackward<bfloat16>{
                          shape, dout.data(), qkv.data(), out.data(), log_sum_exp.data(), {}, {}, dqkv.data()}));
  found = {out.values(), dqkv.values(), log_sum_exp.values()};
  return true;
}

// (cuDNN rounds weights and the gradients of scores to bf16 before it multiplies: more than one rounding of the sums.)
TEST_P(FusedAttention, IsTheCpus) {
  const Case& c = GetParam();
  const Expected expected(c);
  Found first;
  for (const RunOrder& order : run_orders()) {
    SCOPED_TRACE(text_of(order));
    set_order(order);
    Found found;
    if (!run(c, expected, found)) GTEST_SKIP() << "no fused attention here";
    check_closeness<bfloat16>(1, 4)(expected.out, found.out);
    check_closeness<float>(1, 1024)(expected.log_sum_exp, found.log_sum_exp);
    check_closeness<bfloat16>(8, 4)(expected.dqkv, found.dqkv);
    if (first.out.empty()) first = found;
    EXPECT_TRUE(same_bits(first.out, found.out) && same_bits(first.dqkv, found.dqkv) &&
                same_bits(first.log_sum_exp, found.log_sum_exp))
        << "equal calls give other bits";
    if (HasFailure()) break;
  }
  set_order({});
}

INSTANTIATE_TEST_SUITE_P(Cases, FusedAttention, testing::ValuesIn(cases));

// What it leaves to our own kernel: odd sizes, memory that is not aligned, and all where it is switched off.
TEST(FusedAttentionLeaves, WhatItDoesNotTake) {
  const std::vector<int64_t> here{0, 8};
  const DeviceStream stream;
  const DeviceVector<int64_t> offsets(here);
  const DeviceVector<bfloat16> memory(4096);
  const DeviceVector<float> log_sum_exp(8);
  const auto takes = [&](int64_t head_dim, int64_t shift) {
    AttentionShape shape = shape_on_host(here.data(), 1, 1, head_dim);
    shape.offsets = offsets.data();
    return attend_fused(stream.place(), CausalAttention<bfloat16>{shape, memory.data() + shift, memory.data() + 2048,
                                                                  log_sum_exp.data(), nullptr});
  };
  EXPECT_FALSE(takes(8, 0));
  EXPECT_FALSE(takes(24, 0));
  EXPECT_FALSE(takes(16, 1));
  setenv("MODR_CUDNN", "off", 1);
  EXPECT_FALSE(takes(16, 0));
  unsetenv("MODR_CUDNN");
}

TEST(FusedAttentionCalls, AreRoundedUpAndBounded) {
  const auto calls = [](int64_t sequences, int64_t longest, int64_t heads, bool backward) {
    return fused_calls({nullptr, sequences, heads, 96, sequences * longest, longest}, backward);
  };
  EXPECT_EQ(calls(5, 700, 55, false), (FusedShape{false, 8, 1024, 55, 55, 96}));
  EXPECT_EQ(calls(5, 700, 55, true), (FusedShape{true, 4, 1024, 55, 55, 96}));
  EXPECT_EQ(calls(1, 1, 55, true), (FusedShape{true, 1, 128, 55, 55, 96}));
  EXPECT_EQ(calls(2, 4096, 55, true), (FusedShape{true, 1, 4096, 11, 55, 96}));
  EXPECT_EQ(calls(2, 100'000, 7, true), (FusedShape{true, 1, 131'072, 1, 7, 96}));
  EXPECT_EQ(calls(10'000, 4, 1, false).sequences, 512);
}

TEST(FusedAttentionRoom, IsOneCallsAndLittleMore) {
  if (!has_fused_attention()) GTEST_SKIP() << "no fused attention here";
  const auto room = [](int64_t sequences, int64_t longest, int64_t head_dim) {
    return attention_room_on_gpu({nullptr, sequences, 55, head_dim, sequences * longest, longest});
  };
  const int64_t huginn = 4 * 55 * 1024 * 1024 * 2;
  EXPECT_GE(room(4, 1024, 96), huginn);
  EXPECT_LE(room(4, 1024, 96), huginn + (4 << 20));
  EXPECT_LE(room(40, 1024, 96), huginn + (16 << 20));
  EXPECT_EQ(room(4, 1024, 95), 0);
}

}  // namespace
}  // namespace modr::kernels

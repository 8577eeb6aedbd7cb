// kernels/cuda/attention.cu and attention_backward.cu against their twins on the CPU.
#include "kernels/api/attention.hpp"

#include <cstdlib>

#include "support/twins.hpp"

namespace modr::kernels {
namespace {

using namespace modr::test;

// Our own kernels, also where there is cuDNN (fused_attention_test.cpp).
const int switched_off = setenv("MODR_CUDNN", "off", 1);

struct Case {
  std::vector<int64_t> offsets;
  int64_t heads, head_dim;

  AttentionShape on_host() const { return shape_on_host(offsets.data(), std::ssize(offsets) - 1, heads, head_dim); }
  AttentionShape on_device(const DeviceVector<int64_t>& there) const {
    AttentionShape shape = on_host();
    shape.offsets = there.data();
    return shape;
  }
  int64_t rows() const { return offsets.back(); }
  int64_t width() const { return heads * head_dim; }
};

// No sequences, empty ones, single rows, and lengths at the edges of the tiles; heads of every number of chunks of
// columns, whole packs of 16 bytes and not.
const Case cases[] = {{{0}, 2, 8},
                      {{0, 0, 0}, 2, 8},
                      {{0, 1, 1, 4, 37}, 3, 1},
                      {{0, 70, 70, 71}, 2, 7},
                      {{0, 31, 63, 96}, 1, 64},
                      {{0, 129}, 1, 32},
                      {{0, 0, 5, 40}, 2, 96},
                      {{0, 33}, 1, 128},
                      {{0, 20, 53}, 1, 256}};

template <typename T>
std::vector<T> empty_values(int64_t n) {
  return std::vector<T>(static_cast<std::size_t>(n));
}

template <typename T>
class Attention : public testing::Test {};
using Types = testing::Types<float, double, bfloat16>;
TYPED_TEST_SUITE(Attention, Types);

// In each order; `run` is given the place, and checks.
template <typename Run>
void in_all_orders(const Case& c, Run run) {
  for (const RunOrder& order : run_orders()) {
    SCOPED_TRACE(std::to_string(c.rows()) + " rows, " + std::to_string(c.head_dim) + " values, " + text_of(order));
    set_order(order);
    const DeviceStream stream;
    const DeviceVector<int64_t> offsets(c.offsets);
    run(stream.place(), c.on_device(offsets));
    if (testing::Test::HasFailure()) break;
  }
  set_order({});
}

template <typename T>
struct Forward {
  using E = Exact<T>;
  std::vector<T> qkv, out;
  std::vector<E> log_sum_exp;

  explicit Forward(const Case& c)
      : qkv(values<T>(c.rows() * 3 * c.width())),
        out(empty_values<T>(c.rows() * c.width())),
        log_sum_exp(empty_values<E>(c.heads * c.rows())) {
    const AttentionShape shape = c.on_host();
    std::vector<E> workspace = empty_values<E>(causal_attention_workspace<T>(Cpu{}, shape));
    causal_attention<T>(Cpu{}, {shape, qkv.data(), out.data(), log_sum_exp.data(), workspace.data()});
  }
};

template <typename T>
void expect_same_bits_always(std::vector<T>& first, const std::vector<T>& found) {
  if (first.empty()) first = found;
  EXPECT_TRUE(same_bits(first, found)) << "the bits depend on the order of threads";
}

// (A result of bf16 is rounded once: where the sums fall on two sides of a half, one unit apart.)
template <typename T>
constexpr double roundings = sizeof(T) == 2 ? 2 : 64;

TYPED_TEST(Attention, Causal) {
  using T = TypeParam;
  using E = Exact<T>;
  for (const Case& c : cases) {
    const Forward<T> expected(c);
    std::vector<T> first;
    in_all_orders(c, [&](Cuda on, const AttentionShape& shape) {
      const DeviceVector<T> qkv(expected.qkv), out(expected.out.size());
      const DeviceVector<E> log_sum_exp(expected.log_sum_exp.size());
      EXPECT_EQ(causal_attention_workspace<T>(on, c.on_host()), 0);
      causal_attention<T>(on, {shape, qkv.data(), out.data(), log_sum_exp.data(), nullptr});
      check_closeness<T>(1, roundings<T>)(expected.out, out.values());
      check_closeness<E>(1, 64)(expected.log_sum_exp, log_sum_exp.values());
      expect_same_bits_always(first, out.values());
    });
  }
}

TYPED_TEST(Attention, CausalBackward) {
  using T = TypeParam;
  using E = Exact<T>;
  for (const Case& c : cases) {
    const Forward<T> forward(c);
    const std::vector<T> dout_here = values<T>(c.rows() * c.width(), 2);
    std::vector<T> expected = empty_values<T>(std::ssize(forward.qkv)), first;
    std::vector<E> delta_here = empty_values<E>(c.heads * c.rows()),
                   workspace = empty_values<E>(causal_attention_backward_workspace<T>(Cpu{}, c.on_host()));
    causal_attention_backward<T>(
        Cpu{}, {c.on_host(), dout_here.data(), forward.qkv.data(), forward.out.data(), forward.log_sum_exp.data(),
                delta_here.data(), workspace.data(), expected.data()});
    in_all_orders(c, [&](Cuda on, const AttentionShape& shape) {
      const DeviceVector<T> dout(dout_here), qkv(forward.qkv), out(forward.out), dqkv(expected.size());
      const DeviceVector<E> log_sum_exp(forward.log_sum_exp), delta(delta_here.size());
      EXPECT_EQ(causal_attention_backward_workspace<T>(on, c.on_host()), 0);
      causal_attention_backward<T>(
          on, {shape, dout.data(), qkv.data(), out.data(), log_sum_exp.data(), delta.data(), nullptr, dqkv.data()});
      check_closeness<T>(4, roundings<T>)(expected, dqkv.values());
      check_closeness<E>(16, 64)(delta_here, delta.values());
      expect_same_bits_always(first, dqkv.values());
    });
  }
}

}  // namespace
}  // namespace modr::kernels

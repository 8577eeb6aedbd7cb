// kernels/cuda/rope.cu against its twins on the CPU.
#include "kernels/api/rope.hpp"

#include "kernels/api/elementwise.hpp"
#include "support/twins.hpp"

namespace modr::kernels {
namespace {

using namespace modr::test;

template <typename T>
class Rope : public testing::Test {};
using Types = testing::Types<float, double, bfloat16>;
TYPED_TEST_SUITE(Rope, Types);

constexpr int64_t num_positions = 9;
// No rows, heads that do not hold packs, more rows than pieces of them, several blocks of columns.
const RopeShape sizes[] = {{0, 2, 4}, {1, 1, 2}, {3, 3, 6}, {5, 2, 16}, {70, 3, 8}, {4, 11, 96}};

// In one array of exact values: bias [2, heads, head_dim], then, in its own bytes, the table and the positions.
template <typename E>
struct Tables {
  explicit Tables(const RopeShape& s) : bias(2 * s.heads * s.head_dim), table(num_positions * s.head_dim) {
    all = values<E>(at_table() + table + s.rows);
    std::vector<float> turns(static_cast<std::size_t>(table));
    for (int64_t i = 0; i < table; ++i) {
      const double angle = 0.3 * static_cast<double>(i / 2);
      turns[static_cast<std::size_t>(i)] = static_cast<float>(i % 2 == 0 ? std::cos(angle) : std::sin(angle));
    }
    std::memcpy(all.data() + at_table(), turns.data(), turns.size() * sizeof(float));
    std::vector<int32_t> rows(static_cast<std::size_t>(s.rows));
    for (int64_t i = 0; i < s.rows; ++i)
      rows[static_cast<std::size_t>(i)] = static_cast<int32_t>(i * 5 % num_positions);
    if (!rows.empty()) std::memcpy(all.data() + at_table() + table, rows.data(), rows.size() * sizeof(int32_t));
  }
  int64_t at_table() const { return (bias + 7) / 8 * 8; }
  const float* table_of(const E* in) const { return reinterpret_cast<const float*>(in + at_table()); }
  const int32_t* positions_of(const E* in) const { return reinterpret_cast<const int32_t*>(in + at_table() + table); }
  int64_t bias, table;
  std::vector<E> all;
};

TYPED_TEST(Rope, Forward) {
  using T = TypeParam;
  using E = Exact<T>;
  for (const RopeShape& s : sizes)
    for (const int64_t shift : {0, 1}) {  // (1: nothing lies as packs do)
      const int64_t n = 3 * s.rows * s.heads * s.head_dim;
      const Tables<E> tables(s);
      const auto turn = [&, shift](auto on, const T* qkv, const E* in, T* out, E* unused) {
        fill(on, T(0.0f), shift, out);
        fill(on, E(0), int64_t{1}, unused);
        rope(on, s, qkv + shift, shift == 0 ? in : nullptr, tables.table_of(in), tables.positions_of(in), out + shift);
      };
      expect_close_pair<T, E>(values<T>(n + shift), tables.all, n + shift, 1, 16, turn);
    }
}

TYPED_TEST(Rope, Backward) {
  using T = TypeParam;
  using E = Exact<T>;
  for (const RopeShape& s : sizes)
    for (const int64_t shift : {0, 1}) {
      const int64_t n = 3 * s.rows * s.heads * s.head_dim;
      const Tables<E> tables(s);
      const auto turn = [&, shift](auto on, const T* dout, const E* in, T* dqkv, E* sums) {
        E *dbias = sums, *shares = sums + tables.bias;
        fill(on, T(0.0f), shift, dqkv);
        fill(on, E(0.5), tables.bias, dbias);
        fill(on, E(0), rope_pieces * tables.bias, shares);  // (where rows are few, not all of it is written)
        rope_backward(
            on, s,
            RopeBackward<T>{dout + shift, tables.table_of(in), tables.positions_of(in), dqkv + shift, dbias, shares});
      };
      expect_close_pair<T, E>(values<T>(n + shift), tables.all, n + shift, (1 + rope_pieces) * tables.bias, 64, turn);
    }
}

TYPED_TEST(Rope, BackwardWithoutBias) {
  using T = TypeParam;
  using E = Exact<T>;
  for (const RopeShape& s : sizes) {
    const int64_t n = 3 * s.rows * s.heads * s.head_dim;
    const Tables<E> tables(s);
    const auto turn = [&](auto on, const T* dout, const E* in, T* dqkv, E*) {
      rope_backward(on, s, RopeBackward<T>{dout, tables.table_of(in), tables.positions_of(in), dqkv, nullptr, nullptr});
    };
    expect_close_pair<T, E>(values<T>(n), tables.all, n, 0, 16, turn);
  }
}

}  // namespace
}  // namespace modr::kernels

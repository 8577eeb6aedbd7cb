// kernels/cuda/cached_attention.cu, and the tiles of attention.cu over a cache, against their twin on the CPU.
#include "kernels/api/attention.hpp"
#include "support/twins.hpp"

namespace modr::kernels {
namespace {

using namespace modr::test;

struct Case {
  std::vector<int64_t> offsets, past;
  int64_t heads, head_dim;
  bool aligned = true;  // or all rows begin one value behind what is aligned

  AttentionShape shape() const { return shape_on_host(offsets.data(), std::ssize(offsets) - 1, heads, head_dim); }
  int64_t max_past() const { return past.empty() ? 0 : *std::max_element(past.begin(), past.end()); }
  int64_t width() const { return heads * head_dim; }
};

// One new token or a few, in one block and in several (more than 128 tokens), some sequences without a cache or without
// a new token; then many new tokens, which go in tiles.
const Case cases[] = {{{0}, {}, 2, 8},
                      {{0, 1}, {0}, 2, 8},
                      {{0, 1, 2, 3}, {5, 127, 1}, 2, 64},
                      {{0, 1, 1, 2}, {128, 3, 300}, 1, 96},
                      {{0, 4, 5, 7}, {0, 126, 257}, 1, 7},
                      {{0, 3, 5}, {140, 20}, 2, 128},
                      {{0, 2}, {40}, 1, 256},
                      {{0, 1}, {200}, 3, 1},
                      {{0, 2, 3}, {130, 9}, 1, 64, false},
                      {{0, 5, 5, 6, 39}, {70, 2, 0, 31}, 2, 24},
                      {{0, 40, 45}, {0, 140}, 1, 100}};
constexpr int64_t slab_rows = 330;

// Rows in any order, some of them not in the cache; all of those of the second sequence's first 128, if it has so many.
std::vector<int64_t> cached_rows(const Case& c) {
  std::vector<int64_t> rows;
  for (int64_t a = 0; a < std::ssize(c.past); ++a)
    for (int64_t i = 0; i < c.max_past(); ++i)
      rows.push_back((i + a) % 5 == 3 || (a == 1 && i < 128) ? -1 : (i * 37 + a * 11) % slab_rows);
  return rows;
}

template <typename T>
class CachedAttentionTwins : public testing::Test {};
using Types = testing::Types<float, double, bfloat16>;
TYPED_TEST_SUITE(CachedAttentionTwins, Types);

TYPED_TEST(CachedAttentionTwins, SameAsOnTheCpu) {
  using T = TypeParam;
  for (const Case& c : cases) {
    const AttentionShape shape = c.shape();
    const int64_t gap = c.aligned ? 0 : 1;
    const std::vector<T> qkv = values<T>(gap + shape.rows * 3 * c.width()),
                         slab = values<T>(gap + slab_rows * 2 * c.width(), 2);
    const std::vector<int64_t> rows = cached_rows(c);
    std::vector<T> expected(static_cast<std::size_t>(shape.rows * c.width())), first;
    cached_attention<T>(
        Cpu{}, {shape, qkv.data() + gap, slab.data() + gap, rows.data(), c.past.data(), c.max_past(), expected.data()});
    for (const RunOrder& order : run_orders()) {
      SCOPED_TRACE(std::to_string(shape.rows) + " rows, " + std::to_string(c.head_dim) + " values, past " +
                   std::to_string(c.max_past()) + ", " + text_of(order));
      set_order(order);
      const DeviceStream stream;
      const DeviceVector<int64_t> offsets(c.offsets), rows_there(rows), past(c.past);
      const DeviceVector<T> qkv_there(qkv), slab_there(slab), out(expected.size());
      AttentionShape there = shape;
      there.offsets = offsets.data();
      cached_attention<T>(stream.place(), {there, qkv_there.data() + gap, slab_there.data() + gap, rows_there.data(),
                                           past.data(), c.max_past(), out.data()});
      const std::vector<T> found = out.values();
      check_closeness<T>(1, sizeof(T) == 2 ? 2 : 64)(expected, found);
      if (first.empty()) first = found;
      EXPECT_TRUE(same_bits(first, found)) << "the bits depend on the order of threads";
      if (testing::Test::HasFailure()) break;
    }
    set_order({});
  }
}

}  // namespace
}  // namespace modr::kernels

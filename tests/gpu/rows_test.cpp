// kernels/cuda/rows.cu against its twins on the CPU.
#include "kernels/api/rows.hpp"

#include "kernels/api/elementwise.hpp"
#include "support/twins.hpp"

namespace modr::kernels {
namespace {

using namespace modr::test;

template <typename T>
class Rows : public testing::Test {};
using Types = testing::Types<float, double, bfloat16>;
TYPED_TEST_SUITE(Rows, Types);

// `count` rows of a table of `rows`, some of them more than once.
std::vector<int32_t> some_rows(int64_t count, int64_t rows) {
  std::vector<int32_t> index;
  for (int64_t i = 0; i < count; ++i) index.push_back(static_cast<int32_t>(i * i * 7 % rows));
  return index;
}

struct Size {
  int64_t count, rows, width;
};
const Size sizes[] = {{0, 3, 5}, {1, 1, 1}, {7, 3, 5}, {20, 9, 257}, {100, 70, 8}};

template <typename Table, typename T>
void expect_gather() {
  for (const Size& s : sizes)
    expect_same_bits<T, int32_t>(values<Table>(s.rows * s.width), some_rows(s.count, s.rows), s.count * s.width,
                                 [=](auto on, const Table* table, const int32_t* index, T* out) {
                                   gather_rows(on, table, index, s.count, s.width, Exact<T>(0.7), out);
                                 });
}

TYPED_TEST(Rows, Gather) { expect_gather<TypeParam, TypeParam>(); }
TEST(Rows, GatherOfAnExactTable) { expect_gather<float, bfloat16>(); }

template <typename Table, typename T>
void expect_scatter(double roundings) {
  for (const Size& s : sizes) {
    const auto scatter = [=](auto on, const T* from, const int32_t* index, Table* table, Table* none) {
      fill(on, Table(0.5f), s.rows * s.width, table);
      fill(on, Table(0.0f), int64_t{1}, none);
      scatter_add_rows(on, from, index, s.count, s.width, Exact<T>(-0.9), table);
    };
    expect_close_pair<Table, Table>(values<T>(s.count * s.width), some_rows(s.count, s.rows), s.rows * s.width, 1,
                                    roundings, scatter);
  }
}

TYPED_TEST(Rows, ScatterAdd) { expect_scatter<TypeParam, TypeParam>(64); }
TEST(Rows, ScatterAddToAnExactTable) { expect_scatter<float, bfloat16>(64); }

// Groups of 3, 1 and 4 rows.
const std::vector<int64_t> offsets{0, 3, 4, 8};
const std::vector<uint8_t> mask{1, 0, 1, 1, 0, 1, 1, 0};

// One array of both: offsets, then the mask in the bytes behind them.
std::vector<int64_t> offsets_and_mask() {
  std::vector<int64_t> both = offsets;
  both.resize(offsets.size() + 1);
  std::memcpy(both.data() + offsets.size(), mask.data(), mask.size());
  return both;
}
const uint8_t* mask_of(const int64_t* both, bool masked) {
  return masked ? reinterpret_cast<const uint8_t*>(both + offsets.size()) : nullptr;
}

TYPED_TEST(Rows, MaskedMean) {
  using T = TypeParam;
  for (const bool masked : {true, false})
    for (const int64_t width : {1, 5, 300})
      expect_same_bits<Exact<T>, int64_t>(values<T>(8 * width), offsets_and_mask(), 3 * width,
                                          [=](auto on, const T* x, const int64_t* both, Exact<T>* out) {
                                            masked_mean(on, x, mask_of(both, masked), 3, both, width, out);
                                          });
}

TYPED_TEST(Rows, MaskedMeanBackward) {
  using T = TypeParam;
  for (const bool masked : {true, false})
    for (const int64_t width : {1, 5, 300})
      expect_same_bits<T, int64_t>(values<Exact<T>>(3 * width), offsets_and_mask(), 8 * width,
                                   [=](auto on, const Exact<T>* dout, const int64_t* both, T* dx) {
                                     masked_mean_backward(on, dout, mask_of(both, masked), 3, both, width, dx);
                                   });
}

}  // namespace
}  // namespace modr::kernels

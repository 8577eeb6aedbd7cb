// kernels/cuda/low_rank.cu against its twins on the CPU.
#include "kernels/api/low_rank.hpp"

#include "kernels/api/elementwise.hpp"
#include "support/twins.hpp"

namespace modr::kernels {
namespace {

using namespace modr::test;

template <typename T>
class LowRank : public testing::Test {};
using Types = testing::Types<float, double, bfloat16>;
TYPED_TEST_SUITE(LowRank, Types);

struct Size {
  int64_t rows, width, rank;
};
// No rows, odd widths (no packs), ranks of one, two and more parts, several blocks of rows and of columns, and so many
// rows that blocks have groups of them and pieces are summed.
const Size sizes[] = {{0, 8, 4},    {1, 1, 1},     {3, 7, 2},   {9, 64, 16}, {17, 260, 5},
                      {5, 1032, 3}, {30, 132, 40}, {4, 40, 64}, {2050, 4, 3}};

// `n` values of about 1 / sqrt(terms), so that sums of so many products with values of about 1 are of about 1.
template <typename T>
std::vector<T> small_values(int64_t n, int64_t terms) {
  std::vector<T> all = values<T>(n, 2);
  for (T& value : all) value = T(static_cast<Exact<T>>(value) / std::sqrt(static_cast<Exact<T>>(terms)));
  return all;
}

TYPED_TEST(LowRank, Down) {
  using T = TypeParam;
  using E = Exact<T>;
  for (const Size& s : sizes) {
    const auto down = [=](auto on, const T* wide, const E* matrix, E* thin, E*) {
      low_rank_down(on, wide, s.rows, s.width, matrix, s.rank, E(0.7), thin);
    };
    expect_close_pair<E, E>(values<T>(s.rows * s.width), small_values<E>(s.rank * s.width, s.width), s.rows * s.rank, 0,
                            64, down);
  }
}

TYPED_TEST(LowRank, Up) {
  using T = TypeParam;
  using E = Exact<T>;
  for (const Size& s : sizes) {
    const int64_t thin = (s.rows * s.rank + 3) / 4 * 4;
    std::vector<E> exact = small_values<E>(thin + s.rank * s.width, s.rank);
    for (std::size_t i = static_cast<std::size_t>(thin); i < exact.size(); ++i) exact[i] *= std::sqrt(E(s.rank));
    const auto up = [=](auto on, const T* before, const E* in, T* wide, E*) {
      convert(on, before, s.rows * s.width, wide);
      low_rank_up(on, in, s.rows, s.rank, in + thin, s.width, wide);
    };
    expect_close_pair<T, E>(values<T>(s.rows * s.width), exact, s.rows * s.width, 0, 64, up);
  }
}

TYPED_TEST(LowRank, Outer) {
  using T = TypeParam;
  using E = Exact<T>;
  for (const Size& s : sizes) {
    const auto outer = [=](auto on, const T* wide, const E* thin, E* matrix, E*) {
      fill(on, E(0.5), s.rank * s.width, matrix);
      low_rank_outer(on, thin, s.rows, s.rank, wide, s.width, matrix);
    };
    const int64_t terms = std::max<int64_t>(s.rows, 1);
    expect_close_pair<E, E>(values<T>(s.rows * s.width), small_values<E>(s.rows * s.rank, terms), s.rank * s.width, 0,
                            64, outer);
  }
}

}  // namespace
}  // namespace modr::kernels

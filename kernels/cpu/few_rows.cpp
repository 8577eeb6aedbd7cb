#include "kernels/cpu/few_rows.hpp"

#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/row_pack.hpp"

namespace modr::kernels {

namespace {

// Two groups of 8 columns take turns, the second two steps behind: 16 columns that lie 4 KiB apart would push each other
// out of the first cache.
constexpr int64_t group = 8, groups = 2, columns = group * groups, step = 16, behind = 2;

// sums[i] of one group and `step` values of k.
template <int64_t rows>
void add_step(const float* a, int64_t lda, const float* b, int64_t ldb, Floats8 (&sums)[rows]) {
#pragma GCC unroll 2
  for (int64_t p = 0; p < step; p += group) {
    Floats8 turned[group];
    turn_square(b + p, ldb, turned);
#pragma GCC unroll 8
    for (int64_t q = 0; q < group; ++q)
#pragma GCC unroll 8
      for (int64_t i = 0; i < rows; ++i)
        sums[i] = fused(in_all_lanes<Floats8>(a[i * lda + p + q]), turned[q], sums[i]);
  }
}

// Goes on with what c holds, value by value from p0.
void add_rest(const GemmShape& s, const float* a, const float* b, int64_t p0, float* c) {
  for (int64_t i = 0; i < s.m; ++i)
    for (int64_t j = 0; j < columns; ++j)
      for (int64_t p = p0; p < s.k; ++p)
        c[i * s.ldc + j] = std::fma(a[i * s.lda + p], b[j * s.ldb + p], c[i * s.ldc + j]);
}

template <int64_t rows>
void multiply_columns(const GemmShape& s, const float* a, const float* b, bool accumulate, float* c) {
  const int64_t steps = s.k / step;
  Floats8 sums[groups][rows];
  for (int64_t g = 0; g < groups; ++g)
    for (int64_t i = 0; i < rows; ++i)
      sums[g][i] = accumulate ? load_as_vector<Floats8>(c + i * s.ldc + g * group) : Floats8{};
  for (int64_t at = 0; at < steps + behind; ++at) {
    if (at < steps) add_step<rows>(a + at * step, s.lda, b + at * step, s.ldb, sums[0]);
    if (const int64_t late = at - behind; late >= 0)
      add_step<rows>(a + late * step, s.lda, b + group * s.ldb + late * step, s.ldb, sums[1]);
  }
  for (int64_t g = 0; g < groups; ++g)
    for (int64_t i = 0; i < rows; ++i) store_vector_at(sums[g][i], c + i * s.ldc + g * group);
  add_rest(s, a, b, steps * step, c);
}

using Multiply = void (*)(const GemmShape&, const float*, const float*, bool, float*);
constexpr Multiply multiply[most_few_rows] = {multiply_columns<1>, multiply_columns<2>, multiply_columns<3>,
                                              multiply_columns<4>};

}  // namespace

int64_t few_rows(const GemmShape& s, const float* a, const float* b, bool accumulate, float* c) {
  parallel_ranges(s.n / columns, s.k * s.n, [&](int64_t begin, int64_t end) {
    for (int64_t j = begin * columns; j < end * columns; j += columns)
      multiply[s.m - 1](s, a, b + j * s.ldb, accumulate, c + j);
  });
  return s.n / columns * columns;
}

}  // namespace modr::kernels

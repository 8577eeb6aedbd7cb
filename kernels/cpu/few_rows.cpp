#include "kernels/cpu/few_rows.hpp"

#include <algorithm>
#include <cstring>

#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/store.hpp"

namespace modr::kernels::cpu {

namespace {

constexpr int64_t lanes = 16, block_columns = 64, block_depth = 32;
constexpr int64_t vectors = block_columns / lanes;  // of pairs, in one pair of rows of a block
constexpr int64_t group = most_few_rows;            // rows of A

typedef float Floats __attribute__((vector_size(lanes * sizeof(float))));
typedef uint32_t Pairs __attribute__((vector_size(lanes * sizeof(uint32_t))));  // the lower half is the even row

// sums[i] = rows i of A times one block's columns; `a` are pairs of consecutive values, up to `pairs` of them.
template <int64_t rows>
void multiply_block(const float* const* a, const std::byte* block, int64_t pairs, Floats (&sums)[group][vectors]) {
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t v = 0; v < vectors; ++v) sums[i][v] = Floats{};
  for (int64_t pair = 0; pair < pairs; ++pair) {
    for (int64_t v = 0; v < vectors; ++v) {
      Pairs both;
      std::memcpy(&both, block + (pair * vectors + v) * static_cast<int64_t>(sizeof both), sizeof both);
      const Pairs low = both << 16, high = both & 0xffff0000u;
      Floats even, odd;
      std::memcpy(&even, &low, sizeof even);
      std::memcpy(&odd, &high, sizeof odd);
      for (int64_t i = 0; i < rows; ++i) sums[i][v] += even * a[i][2 * pair] + odd * a[i][2 * pair + 1];
    }
  }
}

using Multiply = void (*)(const float* const*, const std::byte*, int64_t, Floats (&)[group][vectors]);
constexpr Multiply multiply[group + 1] = {nullptr, multiply_block<1>, multiply_block<2>};

}  // namespace

template <typename C>
void few_rows(const PackedGemm& s, const bfloat16* a, const std::byte* packed, C* c) {
  const int64_t depth = (s.k + block_depth - 1) / block_depth * block_depth;
  const int64_t blocks = (s.n + block_columns - 1) / block_columns;
  const auto block_bytes = static_cast<std::size_t>(depth * block_columns) * sizeof(bfloat16);
  parallel_ranges(blocks, s.k * s.n, [&](int64_t begin, int64_t end) {
    float exact[group][most_few_rows_depth];
    const float* rows[group];
    for (int64_t i = 0; i < s.m; ++i) {
      for (int64_t p = 0; p < s.k; ++p) exact[i][p] = static_cast<float>(a[i * s.lda + p]);
      std::fill(exact[i] + s.k, exact[i] + depth, 0.0f);
      rows[i] = exact[i];
    }
    for (int64_t block = begin; block < end; ++block) {
      Floats sums[group][vectors];
      multiply[s.m](rows, packed + static_cast<std::size_t>(block) * block_bytes, depth / 2, sums);
      const int64_t columns = std::min(block_columns, s.n - block * block_columns);
      for (int64_t i = 0; i < s.m; ++i) {
        C* to = c + i * s.ldc + block * block_columns;
        float values[block_columns];
        std::memcpy(values, sums[i], sizeof values);
        for (int64_t j = 0; j < columns; ++j)
          store(values[j] + (s.accumulate ? static_cast<float>(to[j]) : 0.0f), to[j]);
      }
    }
  });
}
template void few_rows(const PackedGemm&, const bfloat16*, const std::byte*, bfloat16*);
template void few_rows(const PackedGemm&, const bfloat16*, const std::byte*, float*);

}  // namespace modr::kernels::cpu

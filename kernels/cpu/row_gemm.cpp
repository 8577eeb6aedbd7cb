#include "kernels/cpu/row_gemm.hpp"

#include <memory>
#include <vector>

#include "base/integer.hpp"
#include "kernels/cpu/few_rows.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/row_pack.hpp"
#include "kernels/cpu/row_unpack.hpp"

namespace modr::kernels {

namespace {

constexpr int64_t block_steps = 512, block_columns = 384;     // of B: a block stays in the second cache,
constexpr int64_t shallow_steps = 64, most_shallow_rows = 32;  // or, where few rows use it, a panel in the first
static_assert(block_columns % panel == 0);

// A B is copied from where its k is a multiple of this.
template <typename B>
constexpr int64_t depth_unit = 1;
template <>
constexpr int64_t depth_unit<Panels> = panel;

template <typename T>
struct alignas(64) Block {
  StepOf<T> values[block_steps * block_columns];
};

struct Range {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

// How the threads share a product: the largest part as small as can be.
struct Parts {
  int64_t rows = 1, columns = 1;

  Parts(int64_t tiles, int64_t panels, int64_t threads) {
    int64_t least = tiles * panels;
    for (int64_t some = threads; some > 0; --some) {  // of equal ones the most columns: rows would copy B again
      const int64_t others = threads / some;
      const int64_t largest = ceil_div(tiles, others) * ceil_div(panels, some);
      if (largest >= least) continue;
      least = largest;
      rows = others;
      columns = some;
    }
  }
};

Range part_of(int64_t size, int64_t unit, int64_t part, int64_t parts) {
  const int64_t units = ceil_div(size, unit);
  return {std::min(size, units * part / parts * unit), std::min(size, units * (part + 1) / parts * unit)};
}

// Calls f(rows, columns) for the parts of C, whole tiles each, in parallel.
template <typename F>
void for_parts(const GemmShape& s, F f) {
  const int64_t work = s.m * s.k + s.k * s.n + s.m * s.n;
  const Parts parts(ceil_div(s.m, tile_rows), ceil_div(s.n, panel), threads_for(work));
  parallel_ranges(parts.rows * parts.columns, work, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part)
      f(part_of(s.m, tile_rows, part / parts.columns, parts.rows),
        part_of(s.n, panel, part % parts.columns, parts.columns));
  });
}

// All rows and a block of columns, in tiles. `b` has whole panels of `k` values, one behind the other.
template <typename T, typename C>
void multiply_block(Strided<const T> a, int64_t rows, const StepOf<T>* b, int64_t k, Strided<C> c, int64_t columns,
                    From from) {
  for (int64_t i = 0; i < rows; i += tile_rows)
    for (int64_t j = 0; j < columns; j += panel)
      multiply_panel<T, C>({a.row(i), a.stride}, std::min(tile_rows, rows - i), {b + j * steps_of<T>(k), panel}, k,
                           {c.row(i) + j, c.stride}, std::min(panel, columns - j), from);
}

// The same with B copied into panels, some of k at a time. Sums of a part of k begin where those of the one before
// ended, in `sums`, which is C where that is float.
template <typename T, typename B>
void copy_and_multiply(Strided<const T> a, int64_t rows, const B& b, int64_t k, int64_t most_steps, Range columns,
                       Strided<float> sums, From from) {
  thread_local const auto block = std::make_unique<Block<T>>();
  const int64_t most_k = round_down(most_steps * StepsOf<T>::width, depth_unit<B>);
  for (int64_t p = 0; p < k; p += most_k, from = From::c) {
    const int64_t some = std::min(most_k, k - p);
    for (int64_t j = 0; j < columns.size(); j += panel)
      pack_panel<T>(b, p, some, columns.begin + j, std::min(panel, columns.size() - j),
                    block->values + j * steps_of<T>(some));
    multiply_block<T>({a.values + p, a.stride}, rows, block->values, some, sums, columns.size(), from);
  }
}

template <typename T, typename C, typename B>
void multiply_part(const GemmShape& s, const T* a, const B& b, bool accumulate, C* c, Range rows, Range columns) {
  const bool shallow = rows.size() <= most_shallow_rows;
  const int64_t most_columns = shallow ? panel : block_columns, steps = shallow ? shallow_steps : block_steps;
  const Strided<const T> left{a + rows.begin * s.lda, s.lda};
  for (int64_t j = columns.begin; j < columns.end; j += most_columns) {
    const Range now{j, std::min(j + most_columns, columns.end)};
    const Strided<C> to{c + rows.begin * s.ldc + j, s.ldc};
    if constexpr (std::is_same_v<C, float>) {
      copy_and_multiply(left, rows.size(), b, s.k, steps, now, to, accumulate ? From::c : From::zero);
    } else {
      thread_local std::vector<float> room;
      room.resize(static_cast<std::size_t>(rows.size() * most_columns));
      const Strided<float> sums{room.data(), most_columns};
      for (int64_t i = 0; i < rows.size() && accumulate; ++i)
        for (int64_t q = 0; q < now.size(); ++q) sums.row(i)[q] = static_cast<float>(to.row(i)[q]);
      copy_and_multiply(left, rows.size(), b, s.k, steps, now, sums, accumulate ? From::c : From::zero);
      for (int64_t i = 0; i < rows.size(); ++i)
        for (int64_t q = 0; q < now.size(); ++q) store(sums.row(i)[q], to.row(i)[q]);
    }
  }
}

// One tile of rows on a B that is not transposed, read where it lies; the number of columns done.
int64_t one_tile(const GemmShape& s, const float* a, const float* b, bool accumulate, float* c) {
  parallel_ranges(s.n / panel, s.k * s.n, [&](int64_t begin, int64_t end) {
    for (int64_t j = begin * panel; j < end * panel; j += panel)
      multiply_panel<float, float>({a, s.lda}, s.m, {b + j, s.ldb}, s.k, {c + j, s.ldc}, panel,
                                   accumulate ? From::c : From::zero);
  });
  return s.n / panel * panel;
}

}  // namespace

template <typename T, typename C>
void row_gemm(const GemmShape& s, const T* a, const T* b, bool accumulate, C* c) {
  int64_t done = 0;
  if constexpr (std::is_same_v<T, float>) {
    if (s.transpose_b && s.m <= most_few_rows) done = few_rows(s, a, b, accumulate, c);
    else if (!s.transpose_b && s.m <= tile_rows) done = one_tile(s, a, b, accumulate, c);
    if (done == s.n) return;
  }
  GemmShape rest = s;
  rest.n -= done;
  const Right<T> right{Right<T>{b, s.ldb, s.transpose_b}.at(0, done), s.ldb, s.transpose_b};
  for_parts(rest, [&](Range rows, Range columns) {
    multiply_part(rest, a, right, accumulate, c + done, rows, columns);
  });
}
template void row_gemm(const GemmShape&, const float*, const float*, bool, float*);
template void row_gemm(const GemmShape&, const bfloat16*, const bfloat16*, bool, bfloat16*);
template void row_gemm(const GemmShape&, const bfloat16*, const bfloat16*, bool, float*);

template <typename C>
void row_gemm_packed(const PackedGemm& s, const bfloat16* a, const std::byte* packed, C* c) {
  const auto* b = reinterpret_cast<const uint32_t*>(packed);
  const int64_t steps = steps_of<bfloat16>(s.k);
  const int64_t most_columns = std::max<int64_t>(1, block_steps * block_columns / std::max<int64_t>(steps, 1) / panel) * panel;
  for_parts({false, false, s.m, s.n, s.k, s.lda, 0, s.ldc}, [&](Range rows, Range columns) {
    for (int64_t j = columns.begin; j < columns.end; j += most_columns)
      multiply_block<bfloat16, C>({a + rows.begin * s.lda, s.lda}, rows.size(), b + j * steps, s.k,
                                  {c + rows.begin * s.ldc + j, s.ldc}, std::min(most_columns, columns.end - j),
                                  s.accumulate ? From::c : From::zero);
  });
}
template void row_gemm_packed(const PackedGemm&, const bfloat16*, const std::byte*, bfloat16*);
template void row_gemm_packed(const PackedGemm&, const bfloat16*, const std::byte*, float*);

std::size_t row_packed_size(int64_t k, int64_t n) {
  return static_cast<std::size_t>(round_up(n, panel) * steps_of<bfloat16>(k)) * sizeof(uint32_t);
}

template <typename S>
void row_pack(int64_t k, int64_t n, const S* b, int64_t ldb, bool transposed, std::byte* packed) {
  auto* to = reinterpret_cast<uint32_t*>(packed);
  parallel_ranges(ceil_div(n, panel), k * n, [&](int64_t begin, int64_t end) {
    for (int64_t j = begin * panel; j < std::min(n, end * panel); j += panel)
      pack_panel<bfloat16>(Right<S>{b, ldb, transposed}, 0, k, j, std::min(panel, n - j),
                           to + j * steps_of<bfloat16>(k));
  });
}
template void row_pack(int64_t, int64_t, const float*, int64_t, bool, std::byte*);
template void row_pack(int64_t, int64_t, const bfloat16*, int64_t, bool, std::byte*);

template <typename C>
void row_gemm_packed_back(const PackedGemm& s, const bfloat16* a, const std::byte* packed, C* c) {
  const GemmShape shape{false, false, s.m, s.k, s.n, s.lda, 0, s.ldc};
  const Panels w{reinterpret_cast<const uint32_t*>(packed), s.n, s.k};
  for_parts(shape, [&](Range rows, Range columns) { multiply_part(shape, a, w, s.accumulate, c, rows, columns); });
}
template void row_gemm_packed_back(const PackedGemm&, const bfloat16*, const std::byte*, bfloat16*);
template void row_gemm_packed_back(const PackedGemm&, const bfloat16*, const std::byte*, float*);

}  // namespace modr::kernels

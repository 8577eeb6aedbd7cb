#pragma once
// The tile that all products of rows are made of: sums stay in registers, each one chain over ascending k.
#include <algorithm>
#include <array>
#include <utility>

#include "base/dtype.hpp"
#include "base/integer.hpp"
#include "kernels/cpu/fused.hpp"
#include "kernels/cpu/store.hpp"

namespace modr::kernels {

// Sums in registers: tile_rows x tile_vectors.
#if defined(__AVX512F__)
inline constexpr int64_t tile_rows = 8, tile_vectors = 3;
#else
inline constexpr int64_t tile_rows = 6, tile_vectors = 2;
#endif
/// Columns of a tile. B is read in panels of so many: [steps][panel], of one value a step, or of bf16 a pair.
inline constexpr int64_t panel = tile_vectors * wide_lanes;

/// What a step along k takes of a row of T: `steps(k)` of them, the last of bf16 with one value where k is odd.
template <typename T>
struct StepsOf {
  using Vector = WideFloats;
  using Step = float;
  static constexpr int64_t width = 1;
  static float at(const T* row, int64_t step) { return row[step]; }
  static float last(const T*, int64_t) { return 0; }
};
template <>
struct StepsOf<bfloat16> {
  using Vector = WidePairs;
  using Step = uint32_t;
  static constexpr int64_t width = 2;
  static uint32_t at(const bfloat16* row, int64_t step) {
    uint32_t both;
    std::memcpy(&both, row + 2 * step, sizeof both);
    return both;
  }
  static uint32_t last(const bfloat16* row, int64_t k) { return row[k - 1].bits; }
};
template <typename T>
using StepOf = typename StepsOf<T>::Step;
template <typename T>
constexpr int64_t steps_of(int64_t k) {
  return ceil_div(k, StepsOf<T>::width);
}

/// Steps of B that are fetched before they are used.
inline constexpr int64_t ahead = 8;

/// Rows with a common stride.
template <typename E>
struct Strided {
  E* values;
  int64_t stride;
  E* row(int64_t i) const { return values + i * stride; }
};

/// Where sums begin: at 0, or at what C holds.
enum class From { zero, c };

/// c[i][j] = (c[i][j] +) sum_p a[i][p] b[p][j] of `rows` rows, the first `vectors` of a panel and p < k.
template <typename T, int64_t vectors, int64_t rows>
void multiply_tile(Strided<const T> a, Strided<const StepOf<T>> b, int64_t k, Strided<float> c, From from) {
  using Steps = StepsOf<T>;
  using Vector = typename Steps::Vector;
  WideFloats sums[rows][vectors];
#pragma GCC unroll 8
  for (int64_t i = 0; i < rows; ++i)
#pragma GCC unroll 8
    for (int64_t v = 0; v < vectors; ++v)
      sums[i][v] = from == From::c ? load_as_vector<WideFloats>(c.row(i) + v * wide_lanes) : WideFloats{};
  const T* row[rows];
#pragma GCC unroll 8
  for (int64_t i = 0; i < rows; ++i) row[i] = a.row(i);
  const auto add = [&](int64_t step, auto value) {
    Vector values[vectors];
#pragma GCC unroll 8
    for (int64_t v = 0; v < vectors; ++v) {
      __builtin_prefetch(b.row(step + ahead) + v * wide_lanes);
      values[v] = load_as_vector<Vector>(b.row(step) + v * wide_lanes);
      keep_here(values[v]);
    }
#pragma GCC unroll 8
    for (int64_t i = 0; i < rows; ++i) {
      Vector factor = in_all_lanes<Vector>(value(row[i]));
      keep_here(factor);
#pragma GCC unroll 8
      for (int64_t v = 0; v < vectors; ++v) sums[i][v] = fused(factor, values[v], sums[i][v]);
    }
  };
  const int64_t whole = k / Steps::width;
#pragma GCC unroll 2
  for (int64_t step = 0; step < whole; ++step) add(step, [=](const T* at) { return Steps::at(at, step); });
  if (whole * Steps::width < k) add(whole, [=](const T* at) { return Steps::last(at, k); });
#pragma GCC unroll 8
  for (int64_t i = 0; i < rows; ++i)
#pragma GCC unroll 8
    for (int64_t v = 0; v < vectors; ++v) store_vector_at(sums[i][v], c.row(i) + v * wide_lanes);
}

template <typename T>
using MultiplyTile = void (*)(Strided<const T>, Strided<const StepOf<T>>, int64_t, Strided<float>, From);
template <typename T, int64_t vectors, int64_t... fewer>
constexpr auto tiles_up_to(std::integer_sequence<int64_t, fewer...>) {
  return std::array<MultiplyTile<T>, sizeof...(fewer)>{multiply_tile<T, vectors, fewer + 1>...};
}
template <typename T, int64_t... fewer>
constexpr auto all_tiles(std::integer_sequence<int64_t, fewer...>) {
  return std::array{tiles_up_to<T, fewer + 1>(std::make_integer_sequence<int64_t, tile_rows>{})...};
}
/// Of each number of vectors and rows, from 1.
template <typename T>
inline constexpr auto multiply_tiles = all_tiles<T>(std::make_integer_sequence<int64_t, tile_vectors>{});

/// The same of 1 to tile_rows rows and up to a panel of C's columns, which may be rounded to bf16; b has whole panels.
template <typename T, typename C>
void multiply_panel(Strided<const T> a, int64_t rows, Strided<const StepOf<T>> b, int64_t k, Strided<C> c,
                    int64_t columns, From from) {
  const int64_t vectors = ceil_div(columns, wide_lanes);
  const MultiplyTile<T> run = multiply_tiles<T>[static_cast<std::size_t>(vectors - 1)][static_cast<std::size_t>(rows - 1)];
  if constexpr (std::is_same_v<C, float>)
    if (columns == vectors * wide_lanes) return run(a, b, k, c, from);
  float sums[tile_rows * panel] = {};
  for (int64_t i = 0; i < rows && from == From::c; ++i)
    for (int64_t j = 0; j < columns; ++j) sums[i * panel + j] = static_cast<float>(c.row(i)[j]);
  run(a, b, k, {sums, panel}, from);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) store(sums[i * panel + j], c.row(i)[j]);
}

}  // namespace modr::kernels

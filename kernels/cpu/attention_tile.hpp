#pragma once
// Products of tiles that lie in the first- and second-level cache, with sums kept in registers: what both directions of
// attention are made of. Values are of an exact type (float or double); bf16 is converted when a tile is loaded.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "base/integer.hpp"
#include "kernels/api/attention.hpp"

namespace modr::kernels {

// One vector register, and how many accumulators stay in registers: block_rows x block_vectors.
#if defined(__AVX512F__)
inline constexpr int64_t vector_bytes = 64, block_rows = 4, block_vectors = 4;
#elif defined(__AVX__)
inline constexpr int64_t vector_bytes = 32, block_rows = 4, block_vectors = 2;
#else
inline constexpr int64_t vector_bytes = 16, block_rows = 4, block_vectors = 2;
#endif

template <typename E>
struct VectorOf {
  typedef E type __attribute__((vector_size(vector_bytes)));
};
template <typename E>
using Vector = typename VectorOf<E>::type;

/// Elements of a vector.
template <typename E>
inline constexpr int64_t lanes = vector_bytes / static_cast<int64_t>(sizeof(E));

/// Queries and keys worked on at once: a tile of 64 floats or 32 doubles a row.
template <typename E>
inline constexpr int64_t tile = 256 / static_cast<int64_t>(sizeof(E));

/// The largest tile of rows of one head, and a square of tile x tile.
template <typename E>
struct alignas(64) RowTile {
  E values[tile<E> * max_head_dim];
};
template <typename E>
struct alignas(64) SquareTile {
  E values[tile<E> * tile<E>];
  E* operator[](int64_t row) { return values + row * tile<E>; }
};

/// head_dim up to whole vectors: the row length of tiles.
template <typename E>
constexpr int64_t padded_dim(int64_t head_dim) {
  return round_up(head_dim, lanes<E>);
}

template <typename E>
Vector<E> load_vector(const E* from) {
  Vector<E> v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

template <typename E>
void store_vector(const Vector<E>& v, E* to) {
  std::memcpy(to, &v, sizeof v);
}

/// Keeps a value in its register: GCC 12 would rather load it again for every use, and loads are what then limits.
template <typename V>
void keep_in_register([[maybe_unused]] V& v) {
#if defined(__x86_64__)
  asm("" : "+v"(v));
#endif
}

/// The same of values kept in another type.
template <typename E, typename T>
Vector<E> load_as(const T* from) {
  if constexpr (std::is_same_v<T, bfloat16>) {
    typedef uint16_t Halves __attribute__((vector_size(vector_bytes / 2)));
    typedef uint32_t Words __attribute__((vector_size(vector_bytes)));
    Halves bits;
    std::memcpy(&bits, from, sizeof bits);
    const Words words = __builtin_convertvector(bits, Words) << 16;
    return std::bit_cast<Vector<E>>(words);
  } else {
    return load_vector(from);
  }
}

/// The inverse; rounds as bfloat16 does.
template <typename T, typename E>
void store_as(const Vector<E>& v, T* to) {
  if constexpr (std::is_same_v<T, bfloat16>) {
    typedef uint16_t Halves __attribute__((vector_size(vector_bytes / 2)));
    typedef uint32_t Words __attribute__((vector_size(vector_bytes)));
    const Words all = std::bit_cast<Words>(v), nearest = (all + 0x7fffu + ((all >> 16) & 1u)) >> 16;
    const Halves bits = __builtin_convertvector(v == v ? nearest : Words{} + 0x7fc0u, Halves);
    std::memcpy(to, &bits, sizeof bits);
  } else {
    store_vector(v, to);
  }
}

/// The left factor: element (m, k) lies at values[m * row_stride + k * depth_stride].
template <typename E>
struct LeftFactor {
  const E* values;
  int64_t row_stride, depth_stride;
};

/// Rows of values with a common stride.
template <typename E>
struct Rows {
  E* values;
  int64_t stride;
};

/// Where the product of a block of rows is not known to be zero, or not needed: sum over k in [depth_begin, depth_end),
/// columns [column_begin, column_end).
struct BlockRange {
  int64_t depth_begin, depth_end, column_begin, column_end;
};

namespace detail {

template <typename E, int64_t vectors>
void multiply_block(LeftFactor<E> a, Rows<const E> b, Rows<E> c, int64_t depth, bool add) {
  Vector<E> sums[block_rows][vectors];
#pragma GCC unroll 8
  for (int64_t m = 0; m < block_rows; ++m)
#pragma GCC unroll 8
    for (int64_t n = 0; n < vectors; ++n)
      sums[m][n] = add ? load_vector(c.values + m * c.stride + n * lanes<E>) : Vector<E>{};
  for (int64_t k = 0; k < depth; ++k) {
    Vector<E> row[vectors];
#pragma GCC unroll 8
    for (int64_t n = 0; n < vectors; ++n) {
      row[n] = load_vector(b.values + n * lanes<E>);
      keep_in_register(row[n]);
    }
#pragma GCC unroll 8
    for (int64_t m = 0; m < block_rows; ++m) {
      const E factor = a.values[m * a.row_stride];
#pragma GCC unroll 8
      for (int64_t n = 0; n < vectors; ++n) sums[m][n] += factor * row[n];
    }
    a.values += a.depth_stride;
    b.values += b.stride;
  }
#pragma GCC unroll 8
  for (int64_t m = 0; m < block_rows; ++m)
#pragma GCC unroll 8
    for (int64_t n = 0; n < vectors; ++n) store_vector(sums[m][n], c.values + m * c.stride + n * lanes<E>);
}

}  // namespace detail

/// c[m][n] = (add: c[m][n] +) sum_k a(m, k) b[k][n] for m < rows (up to whole blocks of rows: a and c must reach that
/// far). `range(m)` tells the BlockRange of the block of rows from m on; columns are rounded outwards to whole vectors.
template <typename E, typename Range>
void multiply(LeftFactor<E> a, Rows<const E> b, Rows<E> c, int64_t rows, bool add, Range range) {
  for (int64_t m = 0; m < rows; m += block_rows) {
    const BlockRange r = range(m);
    const LeftFactor<E> left{a.values + m * a.row_stride + r.depth_begin * a.depth_stride, a.row_stride,
                             a.depth_stride};
    const int64_t depth = r.depth_end - r.depth_begin;
    int64_t column = r.column_begin / lanes<E> * lanes<E>;
    for (int64_t left_over; (left_over = ceil_div(r.column_end - column, lanes<E>)) > 0;) {
      // Six vectors are 3 + 3 rather than 4 + 2: more sums for each value loaded.
      const int64_t vectors = left_over == block_vectors + 2 ? left_over / 2 : std::min(left_over, block_vectors);
      const Rows<const E> right{b.values + r.depth_begin * b.stride + column, b.stride};
      const Rows<E> to{c.values + m * c.stride + column, c.stride};
      if (vectors == 1)
        detail::multiply_block<E, 1>(left, right, to, depth, add);
      else if (vectors == 2)
        detail::multiply_block<E, 2>(left, right, to, depth, add);
      else if (vectors == 3)
        detail::multiply_block<E, 3>(left, right, to, depth, add);
      else
        detail::multiply_block<E, 4>(left, right, to, depth, add);
      column += vectors * lanes<E>;
    }
  }
}

/// to[i][d] = from[i][d] for i < count, d < dim; zeros up to whole vectors and whole blocks of rows.
template <typename T, typename E>
void load_rows(Rows<const T> from, int64_t count, int64_t dim, E* to) {
  const int64_t width = padded_dim<E>(dim);
  for (int64_t i = 0; i < count; ++i, to += width) {
    const T* row = from.values + i * from.stride;
    // The next head's part of the row, which comes next: too far from this head's next row for the hardware to guess.
    for (int64_t d = dim; d < 2 * dim; d += 64 / static_cast<int64_t>(sizeof(T))) __builtin_prefetch(row + d);
    int64_t d = 0;
    for (; d + lanes<E> <= dim; d += lanes<E>) store_vector(load_as<E>(row + d), to + d);
    for (; d < width; ++d) to[d] = d < dim ? static_cast<E>(row[d]) : E{0};
  }
  std::fill_n(to, (round_up(count, block_rows) - count) * width, E{0});
}

/// to[d] = factor * from[d], rounded once.
template <typename T, typename E>
void store_row(const E* from, E factor, int64_t dim, T* to) {
  int64_t d = 0;
  for (; d + lanes<E> <= dim; d += lanes<E>) store_as<T, E>(load_vector(from + d) * factor, to + d);
  for (; d < dim; ++d) to[d] = static_cast<T>(from[d] * factor);
}

namespace detail {

// Lanes of two rows that a transposition in blocks of `step` brings together: the lower halves, or the upper ones.
template <typename E, int64_t step, bool upper, std::size_t... lane>
Vector<E> exchange(const Vector<E>& a, const Vector<E>& b, std::index_sequence<lane...>) {
  constexpr auto from = [](int64_t l) {
    return upper ? ((l & step) == 0 ? l + step : l + lanes<E>) : ((l & step) == 0 ? l : l - step + lanes<E>);
  };
  return __builtin_shufflevector(a, b, from(static_cast<int64_t>(lane))...);
}
template <typename E, int64_t step>
Vector<E> lower_halves(const Vector<E>& a, const Vector<E>& b) {
  return exchange<E, step, false>(a, b, std::make_index_sequence<static_cast<std::size_t>(lanes<E>)>{});
}
template <typename E, int64_t step>
Vector<E> upper_halves(const Vector<E>& a, const Vector<E>& b) {
  return exchange<E, step, true>(a, b, std::make_index_sequence<static_cast<std::size_t>(lanes<E>)>{});
}

// Transposes lanes x lanes values: blocks of step x step change places, then those within them.
template <typename E, int64_t step = lanes<E> / 2>
void transpose_square(Vector<E> (&rows)[lanes<E>]) {
#pragma GCC unroll 16
  for (int64_t i = 0; i < lanes<E>; ++i) {
    if ((i & step) != 0) continue;
    const Vector<E> a = rows[i], b = rows[i + step];
    rows[i] = lower_halves<E, step>(a, b);
    rows[i + step] = upper_halves<E, step>(a, b);
  }
  if constexpr (step > 1) transpose_square<E, step / 2>(rows);
}

}  // namespace detail

/// The sums across lanes of `count` vectors (a power of two): that of vector i in lane i * lanes / count.
template <typename E, int64_t count, int64_t step = lanes<E> / 2>
Vector<E> sum_lanes(const Vector<E> (&rows)[count]) {
  constexpr int64_t half = count > 1 ? count / 2 : 1;
  Vector<E> halves[half];
  for (int64_t i = 0; i < half; ++i) {
    const Vector<E>&a = rows[i], &b = rows[count > 1 ? i + half : i];
    halves[i] = detail::lower_halves<E, step>(a, b) + detail::upper_halves<E, step>(a, b);
  }
  if constexpr (step == 1)
    return halves[0];
  else
    return sum_lanes<E, half, step / 2>(halves);
}

/// to[d][i] = factor * from[i][d] of rows as load_rows() left them, i < count; zeros up to whole vectors of i. The rows
/// of `to` are tile<E> long.
template <typename E>
void transpose_rows(const E* from, int64_t count, int64_t dim, E factor, E* to) {
  const int64_t width = padded_dim<E>(dim);
  for (int64_t first = 0; first < count; first += lanes<E>)
    for (int64_t d = 0; d < dim; d += lanes<E>) {
      Vector<E> rows[lanes<E>];
#pragma GCC unroll 16
      for (int64_t i = 0; i < lanes<E>; ++i)
        rows[i] = first + i < count ? factor * load_vector(from + (first + i) * width + d) : Vector<E>{};
      detail::transpose_square<E>(rows);
#pragma GCC unroll 16
      for (int64_t i = 0; i < lanes<E>; ++i) store_vector(rows[i], to + (d + i) * tile<E> + first);
    }
}

}  // namespace modr::kernels

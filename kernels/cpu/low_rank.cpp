#include "kernels/api/low_rank.hpp"

#include <algorithm>
#include <cstring>

#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/store.hpp"

namespace modr::kernels {

namespace {

constexpr int64_t lanes = 16;       // of the rank, or of the width, in one vector
constexpr int64_t block_rows = 8;   // rows whose sums stay in registers
constexpr int64_t chunk = 256;      // columns at once: a block of rows and of the matrix stay in the first cache

template <typename E>
struct VectorOf {
  typedef E type __attribute__((vector_size(lanes * sizeof(E))));
};
template <typename E>
using Vector = typename VectorOf<E>::type;

template <typename E>
inline void load_vector(const E* from, Vector<E>& to) {
  std::memcpy(&to, from, sizeof to);
}
template <typename E>
inline void store_vector(const Vector<E>& from, E* to) {
  std::memcpy(to, &from, sizeof from);
}

// Rows [0, rows) and columns [0, columns) of something `stride` wide, exact, with zeros up to the block's size.
template <typename E, std::size_t N, typename T>
void load_block(const T* from, int64_t stride, int64_t rows, int64_t columns, E (&block)[N][chunk]) {
  for (int64_t i = 0; i < static_cast<int64_t>(N); ++i) {
    const int64_t count = i < rows ? columns : 0;
    for (int64_t c = 0; c < count; ++c) block[i][c] = static_cast<E>(from[i * stride + c]);
    std::fill(block[i] + count, block[i] + chunk, E{0});
  }
}

// block[c][r] = matrix[r][c], zeros beyond the rank.
template <typename E>
void load_turned(const E* matrix, int64_t width, int64_t rank, int64_t columns, E (&block)[chunk][lanes]) {
  for (int64_t r = 0; r < lanes; ++r)
    for (int64_t c = 0; c < columns; ++c) block[c][r] = r < rank ? matrix[r * width + c] : E{0};
}

// factors[r][i] = thin[i][r] of rows [0, rows), zeros up to the block's size.
template <typename E>
void load_factors(const E* thin, int64_t rank, int64_t rows, int64_t count, E (&factors)[lanes][block_rows]) {
  for (int64_t r = 0; r < lanes; ++r)
    for (int64_t i = 0; i < block_rows; ++i) factors[r][i] = r < count && i < rows ? thin[i * rank + r] : E{0};
}

// Calls f(first, columns, r0, count): the matrix in parts of `chunk` columns and `lanes` of its rank.
template <typename F>
void for_parts(int64_t begin, int64_t end, int64_t rank, F f) {
  for (int64_t first = begin; first < end; first += chunk)
    for (int64_t r0 = 0; r0 < rank; r0 += lanes)
      f(first, std::min(chunk, end - first), r0, std::min(lanes, rank - r0));
}

// sums[i] = block[i] times the turned matrix.
template <typename E>
void multiply_down(const E (&block)[block_rows][chunk], const E (&turned)[chunk][lanes], int64_t columns,
                   Vector<E> (&sums)[block_rows]) {
  Vector<E> column;
  for (Vector<E>& sum : sums) sum = Vector<E>{};
  for (int64_t c = 0; c < columns; ++c) {
    load_vector(turned[c], column);
    for (int64_t i = 0; i < block_rows; ++i) sums[i] += block[i][c] * column;
  }
}

// block[i] += sum_r factors[r][i] part[r].
template <typename E>
void multiply_up(const E (&factors)[lanes][block_rows], const E (&part)[lanes][chunk], int64_t columns,
                 E (&block)[block_rows][chunk]) {
  for (int64_t c = 0; c < columns; c += lanes) {
    Vector<E> sums[block_rows], values;
    for (int64_t i = 0; i < block_rows; ++i) load_vector(block[i] + c, sums[i]);
    for (int64_t r = 0; r < lanes; ++r) {
      load_vector(part[r] + c, values);
      for (int64_t i = 0; i < block_rows; ++i) sums[i] += factors[r][i] * values;
    }
    for (int64_t i = 0; i < block_rows; ++i) store_vector(sums[i], block[i] + c);
  }
}

// sums[r] += sum_i factors[r][i] block[i].
template <typename E>
void multiply_outer(const E (&factors)[lanes][block_rows], const E (&block)[block_rows][chunk], int64_t columns,
                    E (&sums)[lanes][chunk]) {
  for (int64_t c = 0; c < columns; c += lanes) {
    Vector<E> values[block_rows], sum;
    for (int64_t i = 0; i < block_rows; ++i) load_vector(block[i] + c, values[i]);
    for (int64_t r = 0; r < lanes; ++r) {
      load_vector(sums[r] + c, sum);
      for (int64_t i = 0; i < block_rows; ++i) sum += factors[r][i] * values[i];
      store_vector(sum, sums[r] + c);
    }
  }
}

}  // namespace

template <typename T>
void low_rank_down(Cpu, const T* wide, int64_t rows, int64_t width, const Exact<T>* matrix, int64_t rank,
                   Exact<T> factor, Exact<T>* thin) {
  using E = Exact<T>;
  parallel_ranges(rows, rows * width, [=](int64_t begin, int64_t end) {
    E turned[chunk][lanes], block[block_rows][chunk];
    std::fill(thin + begin * rank, thin + end * rank, E{0});
    for_parts(0, width, rank, [&](int64_t first, int64_t columns, int64_t r0, int64_t count) {
      load_turned(matrix + r0 * width + first, width, count, columns, turned);
      for (int64_t row = begin; row < end; row += block_rows) {
        const int64_t some = std::min(block_rows, end - row);
        Vector<E> sums[block_rows];
        load_block(wide + row * width + first, width, some, columns, block);
        multiply_down(block, turned, columns, sums);
        for (int64_t i = 0; i < some; ++i)
          for (int64_t r = 0; r < count; ++r) thin[(row + i) * rank + r0 + r] += factor * sums[i][r];
      }
    });
  });
}

template <typename T>
void low_rank_up(Cpu, const Exact<T>* thin, int64_t rows, int64_t rank, const Exact<T>* matrix, int64_t width,
                 T* wide) {
  using E = Exact<T>;
  parallel_ranges(rows, rows * width, [=](int64_t begin, int64_t end) {
    E part[lanes][chunk], block[block_rows][chunk], factors[lanes][block_rows];
    for_parts(0, width, rank, [&](int64_t first, int64_t columns, int64_t r0, int64_t count) {
      load_block(matrix + r0 * width + first, width, count, columns, part);
      for (int64_t row = begin; row < end; row += block_rows) {
        const int64_t some = std::min(block_rows, end - row);
        T* to = wide + row * width + first;
        load_factors(thin + row * rank + r0, rank, some, count, factors);
        load_block(to, width, some, columns, block);
        multiply_up(factors, part, columns, block);
        for (int64_t i = 0; i < some; ++i)
          for (int64_t c = 0; c < columns; ++c) store(block[i][c], to[i * width + c]);
      }
    });
  });
}

template <typename T>
void low_rank_outer(Cpu, const Exact<T>* thin, int64_t rows, int64_t rank, const T* wide, int64_t width,
                    Exact<T>* matrix) {
  using E = Exact<T>;
  // Threads own columns, so that the order of the sum over rows is fixed.
  parallel_ranges(width, rows * width, [=](int64_t begin, int64_t end) {
    E sums[lanes][chunk], block[block_rows][chunk], factors[lanes][block_rows];
    for_parts(begin, end, rank, [&](int64_t first, int64_t columns, int64_t r0, int64_t count) {
      load_block(matrix + r0 * width + first, width, count, columns, sums);
      for (int64_t row = 0; row < rows; row += block_rows) {
        const int64_t some = std::min(block_rows, rows - row);
        load_factors(thin + row * rank + r0, rank, some, count, factors);
        load_block(wide + row * width + first, width, some, columns, block);
        multiply_outer(factors, block, columns, sums);
      }
      for (int64_t r = 0; r < count; ++r) std::copy_n(sums[r], columns, matrix + (r0 + r) * width + first);
    });
  });
}

#define MODR_LOW_RANK(T)                                                                                       \
  template void low_rank_down(Cpu, const T*, int64_t, int64_t, const Exact<T>*, int64_t, Exact<T>, Exact<T>*); \
  template void low_rank_up(Cpu, const Exact<T>*, int64_t, int64_t, const Exact<T>*, int64_t, T*);             \
  template void low_rank_outer(Cpu, const Exact<T>*, int64_t, int64_t, const T*, int64_t, Exact<T>*);
MODR_LOW_RANK(float)
MODR_LOW_RANK(double)
MODR_LOW_RANK(bfloat16)

}  // namespace modr::kernels

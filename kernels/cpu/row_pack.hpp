#pragma once
// Copies of B, [k, n] or stored as [n, k], into the panels that row_tile.hpp reads.
#include "kernels/cpu/row_tile.hpp"

namespace modr::kernels {

/// turned[p][j] = from[j][p] of an 8 x 8 square of words.
inline void turn_square(const float* from, int64_t stride, Floats8 (&turned)[8]) {
  typedef float Floats4 __attribute__((vector_size(16)));
#pragma GCC unroll 2
  for (int64_t half = 0; half < 2; ++half) {
    Floats8 pairs[4];  // rows g and g + 4, at 4 values of p each
#pragma GCC unroll 4
    for (int64_t g = 0; g < 4; ++g)
      pairs[g] = __builtin_shufflevector(load_as_vector<Floats4>(from + g * stride + 4 * half),
                                         load_as_vector<Floats4>(from + (g + 4) * stride + 4 * half), 0, 1, 2, 3, 4, 5,
                                         6, 7);
    const Floats8 low01 = __builtin_shufflevector(pairs[0], pairs[1], 0, 8, 1, 9, 4, 12, 5, 13),
                  high01 = __builtin_shufflevector(pairs[0], pairs[1], 2, 10, 3, 11, 6, 14, 7, 15),
                  low23 = __builtin_shufflevector(pairs[2], pairs[3], 0, 8, 1, 9, 4, 12, 5, 13),
                  high23 = __builtin_shufflevector(pairs[2], pairs[3], 2, 10, 3, 11, 6, 14, 7, 15);
    turned[4 * half] = __builtin_shufflevector(low01, low23, 0, 1, 8, 9, 4, 5, 12, 13);
    turned[4 * half + 1] = __builtin_shufflevector(low01, low23, 2, 3, 10, 11, 6, 7, 14, 15);
    turned[4 * half + 2] = __builtin_shufflevector(high01, high23, 0, 1, 8, 9, 4, 5, 12, 13);
    turned[4 * half + 3] = __builtin_shufflevector(high01, high23, 2, 3, 10, 11, 6, 7, 14, 15);
  }
}

/// B of float or bfloat16 as the product sees it.
template <typename S>
struct Right {
  const S* values;
  int64_t stride;
  bool transposed;

  const S* at(int64_t p, int64_t j) const { return values + (transposed ? j * stride + p : p * stride + j); }
};

/// One panel of T: to[step][j] of depth k from p0 and `columns` columns from j0, zeros up to a whole panel and a whole
/// pair. Of float B for T = bfloat16, values are rounded.
template <typename T, typename S>
void pack_panel(const Right<S>& b, int64_t p0, int64_t k, int64_t j0, int64_t columns, StepOf<T>* to);

}  // namespace modr::kernels

#pragma once
// What reads the panels of row_pack() other than the product that they are for.
#include <cstddef>
#include <cstdint>

#include "kernels/cpu/row_tile.hpp"

namespace modr::kernels {

/// W [n, k] as row_pack() laid it out: panels of W's rows, one behind the other, as the B of a product with W.
struct Panels {
  const uint32_t* words;
  int64_t n, k;

  /// The pair of columns `step` of W's row 48 p (or so many as a panel has), and behind it those of the panel's others.
  const uint32_t* at(int64_t p, int64_t step) const { return words + (p * steps_of<bfloat16>(k) + step) * panel; }
};

/// pack_panel() (row_pack.hpp) of B = W: `p0` is the first of a panel's rows of W, `j0` even.
template <typename T>
void pack_panel(const Panels& w, int64_t p0, int64_t depth, int64_t j0, int64_t columns, StepOf<T>* to);

/// W [n, k] as rows of float or bfloat16.
template <typename S>
void row_unpack(int64_t k, int64_t n, const std::byte* packed, S* w);

/// out[i] = factor * W[index[i]], rounded.
void row_gather(int64_t k, const std::byte* packed, const int32_t* index, int64_t count, float factor, bfloat16* out);

}  // namespace modr::kernels

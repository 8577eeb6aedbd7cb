#pragma once
#include "autograd/variable.hpp"
#include "ops/index.hpp"

namespace modr::ops {

/// out[i] = factor * table[ids[i]]: table [vocab, width] of `dtype` or exact(dtype), or packed for bf16, out [ids,
/// width] of `dtype`. Throws Error for an id outside the table.
Variable embedding(const Indices& ids, const Variable& table, double factor, DType dtype);
inline Variable embedding(const Indices& ids, const Variable& table, double factor) {
  return embedding(ids, table, factor, table.dtype());
}

/// Rows in another order, or repeated: out[i] = x[index[i]] where a row is `x.shape()[0]`-th part of x.
/// x [rows, ...], out [index, ...].
Variable gather_rows(const Variable& x, const Indices& index);

}  // namespace modr::ops

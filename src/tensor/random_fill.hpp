#pragma once
// Random values of a tensor, drawn by all threads: which one draws a value does not change it.
#include <cstdint>
#include <vector>

#include "base/philox.hpp"
#include "kernels/api/random.hpp"
#include "tensor/tensor.hpp"

namespace modr {

/// bound * x, x uniform in (-1, 1), for all values of a contiguous tensor of an exact type: draws `first`, `first` + 1, …
/// of the stream, as PhiloxSequence::uniform() makes them.
void fill_uniform(const Tensor& tensor, const PhiloxStream& stream, int64_t first, double bound);

/// scale.of(i) * x, x normal with |x| <= limit, for all values i of a contiguous tensor: what
/// PhiloxSequence::truncated_normal(limit) gives one after another, of bf16 rounded from float.
void fill_truncated_normal(const Tensor& tensor, const PhiloxStream& stream, const kernels::NormalScale& scale,
                           double limit);

/// std * x of every row of a contiguous matrix, x as in fill_truncated_normal(), row i from streams[i].
void fill_truncated_normal_rows(const Tensor& tensor, std::vector<PhiloxStream> streams, double std, double limit);

}  // namespace modr

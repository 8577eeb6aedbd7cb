#pragma once
#include <cstdint>

#include "base/philox.hpp"

namespace modr::kernels::cpu {

/// out[i] = bound * x_i, x_i uniform in (-1, 1): that of draw `first` + i, as PhiloxSequence::uniform() makes them.
template <typename T>
void uniform(const PhiloxStream& stream, int64_t first, double bound, int64_t n, T* out);

/// out[i] = std * x_i, x_i normal with |x_i| <= limit: what PhiloxSequence::truncated_normal(limit) gives one after
/// another from block `first` on, a block an attempt. Returns the block after the last accepted attempt.
template <typename T>
int64_t truncated_normal(const PhiloxStream& stream, int64_t first, double std, double limit, int64_t n, T* out);

}  // namespace modr::kernels::cpu

#pragma once
#include "kernels/api/attention.hpp"

namespace modr::kernels {

/// cached_attention() for many new tokens at once; `past` may be null: nothing is cached. Keeps `log_sum_exp` [heads,
/// rows] unless that is null.
template <typename T>
void attend_queries(Cuda on, const CachedAttention<T>& args, Exact<T>* log_sum_exp);

}  // namespace modr::kernels

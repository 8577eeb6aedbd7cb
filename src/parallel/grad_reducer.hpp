#pragma once
#include <cstdint>

#include "comm/communicator.hpp"
#include "nn/parameter.hpp"

namespace modr {

/// Bytes that travel in one all-reduce: few enough messages for latency, little enough memory beside the model.
inline constexpr int64_t default_bucket_bytes = int64_t{16} << 20;

/// Replaces the gradient of every trainable parameter by its sum over the ranks of `comm`: the same bits on all of
/// them, and afterwards every trainable parameter has a gradient. A rank without one contributes zeros; frozen
/// parameters are left alone. Collective: gradients travel in the order of the list, laid end to end (f32 before f64)
/// and cut every `bucket_bytes`. Throws Error on all ranks when their trainable parameters differ in name, order,
/// shape or dtype.
void reduce_gradients(const Communicator& comm, const ParameterList& parameters,
                      int64_t bucket_bytes = default_bucket_bytes);

}  // namespace modr

#pragma once
#include <cstddef>

#include "kernels/api/place.hpp"

namespace modr::kernels {

/// Copies `bytes` from the host to a GPU, in the stream's order; `from` may be changed when it returns.
void copy_to_device(Cuda, const void* from, std::size_t bytes, void* to);
/// Copies `bytes` from a GPU to the host: waits for what the stream had to do before.
void copy_to_host(Cuda, const void* from, std::size_t bytes, void* to);

}  // namespace modr::kernels

#pragma once
#include <cstddef>
#include <span>

#include "tensor/run_on.hpp"

namespace modr {

/// The values of a contiguous tensor where its device has them, to be sent or received; of meta a span of their size
/// over nothing. Throws Error for a strided one.
template <typename T>
std::span<T> values_of(const Tensor& tensor) {
  return {tensor.dense<T>(), static_cast<std::size_t>(tensor.numel())};
}

/// The same as bytes.
inline std::span<std::byte> bytes_of(const Tensor& tensor) {
  return visit_dtype(tensor.dtype(), [&]<typename T>() { return std::as_writable_bytes(values_of<T>(tensor)); });
}

/// Where MPI finds what travels from and to tensors of `device`: those of a GPU go through host memory.
inline Device message_device(Device device) { return device.is_cuda() ? cpu_device : device; }
/// In whose order a GPU works: its stream. Null of other devices, which work when they are told.
inline void* queue_of(Device device) { return device.is_cuda() ? cuda_place(device).stream : nullptr; }

}  // namespace modr

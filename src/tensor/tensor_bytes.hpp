#pragma once
#include <cstddef>
#include <span>

#include "tensor/tensor.hpp"

namespace modr {

/// The values of a contiguous tensor as they stand in memory. Throws Error for a strided one.
inline std::span<std::byte> bytes_of(const Tensor& tensor) {
  return visit_dtype(tensor.dtype(), [&]<typename T>() { return std::as_writable_bytes(tensor.span<T>()); });
}

}  // namespace modr

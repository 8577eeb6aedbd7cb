#pragma once
#include <cstdint>
#include <utility>
#include <vector>

#include "base/philox.hpp"
#include "tensor/tensor.hpp"

namespace modr::testing {

/// Normally distributed values, the same for the same seed.
inline Tensor random_tensor(Shape shape, DType dtype, uint64_t seed = 7) {
  PhiloxSequence random(seed, RandomStream::init);
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  for (double& value : values) value = random.normal();
  return Tensor::from<double>(values, std::move(shape), dtype);
}

}  // namespace modr::testing

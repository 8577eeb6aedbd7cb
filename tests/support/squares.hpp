#pragma once
#include "tensor/tensor.hpp"

namespace modr::testing {

/// The sum of the squares of a contiguous tensor's values.
inline double sum_of_squares(const Tensor& tensor) {
  const Tensor sum = Tensor::zeros({}, {DType::f64, tensor.device()});
  add_squares({&tensor, 1}, sum);
  return sum.item();
}

}  // namespace modr::testing

#pragma once
#include <string>

#include "tensor/tensor.hpp"

namespace modr {

/// A named tensor of a job, or the rows of it that one rank holds.
struct TensorPart {
  std::string name;
  Tensor tensor;
  int64_t first_row = 0;  // of the first dimension
  int64_t num_rows = -1;  // that the whole tensor has; -1: this is all of it

  bool is_whole() const { return num_rows < 0; }
  Shape whole_shape() const { return is_whole() ? tensor.shape() : tensor.shape().with(0, num_rows); }
};

}  // namespace modr

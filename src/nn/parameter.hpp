#pragma once
#include <string>
#include <utility>
#include <vector>

#include "autograd/variable.hpp"
#include "tensor/tensor_part.hpp"

namespace modr {

/// A named leaf of the model. `name` is the upstream parameter name, e.g. "transformer.wte.weight" (MODEL.md, "Names
/// in files"); it is trained when variable.requires_grad(). Copies are handles to the same variable.
struct Parameter {
  std::string name;
  Variable variable;
  /// Where only some rows live on this rank (see TensorPart).
  int64_t first_row = 0;
  int64_t num_rows = -1;

  /// Its value under its name.
  TensorPart part() const { return {name, variable.value(), first_row, num_rows}; }
};

/// A model's parameters in a fixed order, the same on every rank that holds the same part of the model.
using ParameterList = std::vector<Parameter>;

}  // namespace modr

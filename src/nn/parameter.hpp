#pragma once
#include <string>
#include <vector>

#include "autograd/variable.hpp"

namespace modr {

/// A named leaf of the model. `name` is the upstream parameter name, e.g. "transformer.wte.weight" (MODEL.md, "Names
/// in files"); it is trained when variable.requires_grad(). Copies are handles to the same variable.
struct Parameter {
  std::string name;
  Variable variable;
};

/// A model's parameters in a fixed order, the same on every rank.
using ParameterList = std::vector<Parameter>;

}  // namespace modr

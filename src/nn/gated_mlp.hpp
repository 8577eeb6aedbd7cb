#pragma once
#include <string>

#include "nn/attention.hpp"
#include "nn/linear.hpp"

namespace modr {

/// proj(silu(a) * b) with [a, b] = fc(x) (MODEL.md, "Huginn").
class GatedMlp {
 public:
  /// `type` is that of its matrices, see Linear.
  GatedMlp(const std::string& name, const BlockConfig& config, TensorType type);
  Variable operator()(const Variable& x, const RowGroups& groups) const;
  void collect(ParameterList& parameters) const;

  Linear fc, proj;
};

}  // namespace modr

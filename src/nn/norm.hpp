#pragma once
#include <string>

#include "nn/parameter.hpp"

namespace modr {

/// RMSNorm with a weight (Zhang & Sennrich 2019).
class RmsNorm {
 public:
  /// `name` is the upstream name without ".weight". The weight starts as ones.
  RmsNorm(std::string name, int64_t width, double eps, TensorType type);
  Variable operator()(const Variable& x) const;
  /// The norm of x + residual.
  Variable operator()(const Variable& x, const Variable& residual) const;
  const Variable& weight() const { return weight_; }
  double eps() const { return eps_; }
  void collect(ParameterList& parameters) const;

 private:
  std::string name_;
  double eps_;
  Variable weight_;
};

}  // namespace modr

#pragma once
#include <optional>
#include <string>

#include "nn/parameter.hpp"
#include "ops/lora_linear.hpp"

namespace modr {

/// A bias-free linear layer, weight [out, in], to which low-rank adapters of several branches can be attached.
class Linear {
 public:
  /// `name` is the upstream name without ".weight".
  Linear(std::string name, int64_t in, int64_t out, DType dtype);

  const std::string& name() const { return name_; }
  const Variable& weight() const { return weight_; }
  const std::optional<ops::LoraWeights>& lora() const { return lora_; }
  void attach(ops::LoraWeights lora) { lora_ = std::move(lora); }

  /// x [rows, in] -> [rows, out]. `groups` (rows by branch) is used when adapters are attached.
  Variable operator()(const Variable& x, const RowGroups& groups = nullptr) const;

  void collect(ParameterList& parameters) const;

 private:
  std::string name_;
  Variable weight_;
  std::optional<ops::LoraWeights> lora_;
};

}  // namespace modr

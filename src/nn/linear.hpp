#pragma once
#include <optional>
#include <string>
#include <vector>

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
  /// Replaces the adapters there were, merged ones too.
  void attach(ops::LoraWeights lora);

  /// From now on every branch uses one weight W + scale B_j A_j, [branches, out, in] more memory, made from the
  /// present values: to be called again, or dropped, whenever W, A or B have changed. A use after a change throws
  /// Error (a sample of the values is compared). Without adapters there is nothing to do.
  void merge_lora();
  void drop_merged();

  /// x [rows, in] -> [rows, out]. `groups` (rows by branch) is used when adapters are attached.
  Variable operator()(const Variable& x, const RowGroups& groups = nullptr) const;

  void collect(ParameterList& parameters) const;

 private:
  std::vector<double> sample() const;

  std::string name_;
  Variable weight_;
  std::optional<ops::LoraWeights> lora_;
  std::vector<double> merged_from_;  // sample() of what is merged
};

}  // namespace modr

#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nn/parameter.hpp"
#include "ops/decode_linear.hpp"
#include "ops/lora_linear.hpp"

namespace modr {

/// A bias-free linear layer, weight [out, in], to which low-rank adapters of several branches can be attached.
class Linear {
 public:
  /// `name` is the upstream name without ".weight". Of bf16 the weight is frozen, and kept once, packed
  /// (Tensor::packed()); of an exact type it can train.
  Linear(std::string name, int64_t in, int64_t out, TensorType type);
  /// A layer with another's weight, or with columns [first, first + in) of it.
  Linear(std::string name, Variable weight, int64_t first, int64_t in);

  const std::string& name() const { return name_; }
  const Variable& weight() const { return weight_; }
  const std::optional<ops::LoraWeights>& lora() const { return lora_; }
  /// Replaces the adapters there were, merged ones too.
  void attach(ops::LoraWeights lora);

  /// Prepares the weight for many products with rows of `dtype`, and with a backward pass for gradients of the rows: in
  /// bf16 a copy of its size each, unless it is packed already. Does nothing where that is done and nothing has
  /// changed. Without it every product prepares its own. A use after a change of the values throws Error (see
  /// Tensor::changed()).
  void pack(DType dtype, bool with_backward);
  /// The same, but of one weight W + scale B_j A_j a branch. Without adapters it is pack().
  void pack_merged(DType dtype, bool with_backward);
  /// Back to products that prepare their own.
  void unpack();
  const ops::PackedWeight& packed() const { return packed_; }

  /// x [rows, in] (+ addend [rows, out]) -> [rows, out]. `groups` (rows by branch) is used when adapters are attached.
  Variable operator()(const Variable& x, const RowGroups& groups = nullptr) const;
  Variable plus(const Variable& x, const Variable& addend) const;
  /// Whether these rows may come as what they are made of: they are few, without gradient, and have one weight that is
  /// packed (ops/decode_linear.hpp). `x` may be of any width.
  bool makes_rows(const Variable& x, const RowGroups& groups) const;
  /// The layer of such rows.
  Variable of_made(const ops::MadeRows& rows, const RowGroups& groups) const;
  /// The same without rounding to x's dtype; a layer without adapters over a whole weight.
  Variable exactly(const Variable& x) const;

  void collect(ParameterList& parameters) const;

 private:
  void turn_branches(bool with_backward);
  std::vector<uint64_t> versions() const;
  void check_current() const;
  const ops::PackedWeight* only_weight(const RowGroups& groups) const;

  std::string name_;
  Variable weight_;
  int64_t first_ = 0, in_;
  std::optional<ops::LoraWeights> lora_;
  ops::PackedWeight packed_;
  DType packed_for_ = DType::f32;
  std::vector<uint64_t> packed_from_;  // versions() of what is packed, where that is a copy
};

}  // namespace modr

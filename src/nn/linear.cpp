#include "nn/linear.hpp"

#include <utility>

#include "base/error.hpp"
#include "ops/linear.hpp"

namespace modr {

namespace {

Variable new_weight(const Shape& shape, TensorType type) {
  if (type.dtype == DType::bf16) return Variable(Tensor::packed(shape, type.device));
  return Variable(Tensor::zeros(shape, type), true);
}

}  // namespace

Linear::Linear(std::string name, int64_t in, int64_t out, TensorType type)
    : name_(std::move(name)), weight_(new_weight({out, in}, type)), in_(in) {}

Linear::Linear(std::string name, Variable weight, int64_t first, int64_t in)
    : name_(std::move(name)), weight_(std::move(weight)), first_(first), in_(in) {}

void Linear::attach(ops::LoraWeights lora) {
  unpack();
  lora_ = std::move(lora);
}

void Linear::pack(DType dtype, bool with_backward) {
  const bool has_all = packed_.defined() && packed_for_ == dtype && (packed_.backward.defined() || !with_backward);
  const bool merged = lora_ && !lora_->merged.empty();
  if (!has_all || merged || (!packed_from_.empty() && packed_from_ != versions())) {
    unpack();  // first, so that its memory serves the new one; a graph under way keeps its own
    packed_ = ops::pack_weight(weight_.value().slice(1, first_, first_ + in_), dtype, with_backward);
    packed_for_ = dtype;
    if (dtype != exact(dtype)) packed_from_ = versions();
  }
  if (lora_) turn_branches(with_backward);
}

void Linear::turn_branches(bool with_backward) {
  ops::TurnedBranches& turned = lora_->turned;
  const bool current = turned.version == lora_->b.value().version() && !turned.scaled.empty();
  if (current && (!with_backward || !turned.plain.empty())) return;
  turned = {};
  turned = ops::turn_branches(*lora_, with_backward);
}

void Linear::pack_merged(DType dtype, bool with_backward) {
  if (!lora_) return pack(dtype, with_backward);
  unpack();
  lora_->merged = ops::merge(weight_, *lora_, dtype, with_backward);
  packed_from_ = versions();
}

void Linear::unpack() {
  packed_ = {};
  packed_from_.clear();
  if (!lora_) return;
  lora_->merged.clear();
  lora_->turned = {};
}

// The versions of all that is packed.
std::vector<uint64_t> Linear::versions() const {
  if (!lora_ || lora_->merged.empty()) return {weight_.value().version()};
  return {weight_.value().version(), lora_->a.value().version(), lora_->b.value().version()};
}

void Linear::check_current() const {
  MODR_CHECK(packed_from_.empty() || packed_from_ == versions(), "{} has changed since it was packed: pack it again or {}",
             name_, "unpack()");
}

Variable Linear::operator()(const Variable& x, const RowGroups& groups) const {
  if (!lora_) return plus(x, {});
  MODR_CHECK(groups != nullptr, "{} has adapters, but its rows have no branches", name_);
  check_current();
  return ops::lora_linear(x, weight_, *lora_, groups, packed_);
}

Variable Linear::plus(const Variable& x, const Variable& addend) const {
  MODR_CHECK(!lora_ && x.size(-1) == in_, "{} of {} takes {} columns and no addend to adapters", name_,
             x.shape().to_string(), in_);
  check_current();
  return ops::linear_columns(x, weight_, first_, addend, packed_);
}

// That of all rows; null where there are several, or adapters beside it.
const ops::PackedWeight* Linear::only_weight(const RowGroups& groups) const {
  if (!lora_) return &packed_;
  if (lora_->merged.empty() || groups == nullptr || groups->size() != 1) return nullptr;
  return &lora_->merged.at(static_cast<std::size_t>(groups->front().branch));
}

bool Linear::makes_rows(const Variable& x, const RowGroups& groups) const {
  const ops::PackedWeight* weight = only_weight(groups);
  return weight != nullptr && weight->defined() && weight->forward.tensor.is_packed() && ops::makes_rows(x, in_);
}

Variable Linear::of_made(const ops::MadeRows& rows, const RowGroups& groups) const {
  check_current();
  const ops::PackedWeight* weight = only_weight(groups);
  MODR_CHECK(weight != nullptr, "{} has several weights for rows that are yet to be made", name_);
  return ops::decode_linear(rows, weight->forward.tensor);
}

Variable Linear::exactly(const Variable& x) const {
  MODR_CHECK(!lora_ && in_ == weight_.size(1), "{} has adapters or is part of {}", name_, weight_.shape().to_string());
  check_current();
  return ops::linear_exact(x, weight_, packed_);
}

void Linear::collect(ParameterList& parameters) const {
  parameters.push_back({name_ + ".weight", weight_});
  if (!lora_) return;
  parameters.push_back({name_ + ".lora_A", lora_->a});
  parameters.push_back({name_ + ".lora_B", lora_->b});
}

}  // namespace modr

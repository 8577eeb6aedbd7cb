#include "moe/router.hpp"

#include "ops/cast.hpp"
#include "ops/linear.hpp"
#include "ops/score.hpp"

namespace modr {

namespace {

// The choices of every unit, from r + b: all that is read back of a decision. A NaN, of a hidden state that is not
// finite, loses: the loss or the logits will show it, and it must not stop one rank alone. Without values (meta) the
// branches get equal shares.
std::vector<int32_t> choose(const Tensor& scores, const Tensor& bias, int64_t top_k) {
  if (!scores.device().is_meta()) return ops::largest_columns(scores, bias, top_k);
  std::vector<int32_t> even;
  for (int64_t i = 0; i < scores.size(0) * top_k; ++i) even.push_back(static_cast<int32_t>(i % scores.size(1)));
  return even;
}

}  // namespace

Router::Router(const BranchConfig& config, int64_t n_embd, TensorType type)
    : config_(config),
      weight_(Tensor::zeros({config.n_branches, n_embd}, type), true),
      bias_(Tensor::zeros({config.n_branches}, type)) {}

RouteDecision Router::decide(const Variable& h, RouteUnit unit, const Offsets& sequences, const RowMask& mask) const {
  const bool by_sequence = unit == RouteUnit::sequence;
  // The mean of the products is the product of the mean, which takes one pass over h.
  const Variable units = by_sequence ? ops::masked_mean(h, sequences, mask) : ops::cast(h, weight_.dtype());
  const Variable u = ops::linear(units, weight_);
  const Variable r = config_.score == RouteScore::sigmoid ? ops::sigmoid(u) : ops::softmax(u);
  RouteDecision decision;
  decision.scores = r.value();
  decision.plan = make_route_plan({choose(r.value(), bias_, config_.top_k), config_.top_k, config_.n_branches,
                                   by_sequence ? sequences : uniform_offsets(h.size(0), 1), unit,
                                   by_sequence || !mask ? std::vector<uint8_t>{} : mask->values()});
  decision.gates = ops::gather_columns(r, make_indices(decision.plan->choice), config_.top_k);
  return decision;
}

}  // namespace modr

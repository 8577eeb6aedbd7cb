#include "moe/router.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "ops/cast.hpp"
#include "ops/linear.hpp"
#include "ops/score.hpp"

namespace modr {

namespace {

// The indices of the `count` largest of `values`, best first; ties go to the lower index.
std::vector<int32_t> largest(const std::vector<double>& values, int64_t count) {
  std::vector<int32_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  const auto better = [&](int32_t a, int32_t b) {
    const double x = values[static_cast<std::size_t>(a)], y = values[static_cast<std::size_t>(b)];
    return x != y ? x > y : a < b;
  };
  std::partial_sort(order.begin(), order.begin() + count, order.end(), better);
  order.resize(static_cast<std::size_t>(count));
  return order;
}

// The choices of every unit, from r + b.
std::vector<int32_t> choose(const Tensor& scores, const Tensor& bias, int64_t top_k) {
  const std::vector<double> r = scores.to_vector(), b = bias.to_vector();
  std::vector<int32_t> choice;
  std::vector<double> biased(b.size());
  for (std::size_t unit = 0; unit * b.size() < r.size(); ++unit) {
    for (std::size_t j = 0; j < b.size(); ++j) {
      const double value = r[unit * b.size() + j] + b[j];
      // Of a hidden state that is not finite, which the loss or the logits will show: it must not stop one rank alone.
      biased[j] = std::isnan(value) ? -std::numeric_limits<double>::infinity() : value;
    }
    const std::vector<int32_t> best = largest(biased, top_k);
    choice.insert(choice.end(), best.begin(), best.end());
  }
  return choice;
}

}  // namespace

Router::Router(const BranchConfig& config, int64_t n_embd, DType dtype)
    : config_(config),
      weight_(Tensor::zeros({config.n_branches, n_embd}, dtype), true),
      bias_(Tensor::zeros({config.n_branches}, dtype)) {}

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
                                   by_sequence || !mask ? std::vector<uint8_t>{} : *mask});
  decision.gates = ops::gather_columns(r, make_indices(decision.plan->choice), config_.top_k);
  return decision;
}

}  // namespace modr

#include "optim/config.hpp"

#include <cmath>

#include "base/error.hpp"
#include "base/named_value.hpp"

namespace modr {

namespace {

constexpr NamedValue<DecayShape> kDecayShapes[] = {{"linear", DecayShape::linear}, {"cosine", DecayShape::cosine}};

// `ok` is false for NaN too, since every comparison with it is.
void expect(bool ok, std::string_view field, std::string_view expected, double found) {
  if (!ok || !std::isfinite(found)) fail("optim.{}: expected {}, found {}", field, expected, found);
}

}  // namespace

std::string_view name_of(DecayShape shape) { return find_name(kDecayShapes, shape); }
DecayShape parse_decay_shape(std::string_view name) { return find_value(kDecayShapes, "optim.decay_shape", name); }

void OptimConfig::validate() const {
  expect(lr > 0, "lr", "a positive number", lr);
  expect(beta1 >= 0 && beta1 < 1, "beta1", "a number in [0, 1)", beta1);
  expect(beta2 >= 0 && beta2 < 1, "beta2", "a number in [0, 1)", beta2);
  expect(eps > 0, "eps", "a positive number", eps);
  expect(weight_decay >= 0 && weight_decay * lr < 1, "weight_decay", "a number in [0, 1 / lr)", weight_decay);
  expect(clip_norm >= 0, "clip_norm", "a positive number, or 0 for no clipping", clip_norm);
  expect(min_lr >= 0 && min_lr <= lr, "min_lr", fmt::format("a number in [0, lr = {}]", lr), min_lr);
  expect(decay_fraction >= 0 && decay_fraction <= 1, "decay_fraction", "a number in [0, 1]", decay_fraction);
  if (warmup_steps < 0) fail("optim.warmup_steps: expected 0 or more, found {}", warmup_steps);
  if (decay_steps < 0) fail("optim.decay_steps: expected 0 or more, found {}", decay_steps);
}

}  // namespace modr

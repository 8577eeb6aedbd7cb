#include "base/philox.hpp"

#include <cmath>
#include <numbers>

#include "base/error.hpp"

namespace modr {

std::array<uint32_t, 4> philox(std::array<uint32_t, 4> c, std::array<uint32_t, 2> key) {
  for (int round = 0; round < philox_rounds; ++round) {
    philox_round(c[0], c[1], c[2], c[3], key[0], key[1]);
    key = next_philox_key(key);
  }
  return c;
}

double normal_of(double u, double v) {
  return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
}

uint32_t PhiloxSequence::next_u32() {
  if (used_ == 4) {
    block_ = stream_.block(next_block_++);
    used_ = 0;
  }
  return block_[static_cast<std::size_t>(used_++)];
}

double PhiloxSequence::uniform() {
  const uint32_t high = next_u32();
  return uniform_of(high, next_u32());
}

uint64_t PhiloxSequence::below(uint64_t bound) {
  MODR_CHECK(bound > 0, "no number is below 0");
  const uint64_t limit = bound * (~uint64_t{0} / bound);  // a multiple of bound: what lies above it is drawn again
  while (true) {
    const uint64_t high = next_u32();
    const uint64_t draw = high << 32 | next_u32();
    if (draw < limit) return draw % bound;
  }
}

double PhiloxSequence::normal() {
  const double u = uniform();
  return normal_of(u, uniform());
}

double PhiloxSequence::truncated_normal(double bound) {
  while (true) {
    const double x = normal();
    if (std::abs(x) <= bound) return x;
  }
}

int64_t PhiloxSequence::poisson(double mean) {
  MODR_CHECK(mean >= 0 && std::isfinite(mean), "Poisson mean {}", mean);
  if (mean < 30) {  // count how many uniform factors fit above exp(-mean)
    const double limit = std::exp(-mean);
    int64_t count = 0;
    for (double product = uniform(); product > limit; product *= uniform()) ++count;
    return count;
  }
  // Transformed rejection with squeeze, PTRS (W. Hoermann, "The transformed rejection method for generating
  // Poisson random variables", Insurance: Mathematics and Economics 12, 1993).
  const double b = 0.931 + 2.53 * std::sqrt(mean);
  const double a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
  const double v_r = 0.9277 - 3.6224 / (b - 2.0);
  while (true) {
    const double u = uniform() - 0.5;
    const double v = uniform();
    const double us = 0.5 - std::abs(u);
    const double k = std::floor((2.0 * a / us + b) * u + mean + 0.43);
    if (us >= 0.07 && v <= v_r) return static_cast<int64_t>(k);
    if (k < 0 || (us < 0.013 && v > us)) continue;
    if (std::log(v) + std::log(inverse_alpha) - std::log(a / (us * us) + b) <=
        k * std::log(mean) - mean - std::lgamma(k + 1.0))
      return static_cast<int64_t>(k);
  }
}

}  // namespace modr

#pragma once
#include "autograd/variable.hpp"
#include "ops/index.hpp"

namespace modr::ops {

/// How a gate's score enters the sum (MODEL.md, "Routing"): `raw` multiplies by g; `straight_through` multiplies by
/// 1 / top_k + (g - constant(g)), so that only the router sees g's gradient.
enum class Gate { raw, straight_through };

/// s[u] = sum_j factor(gates[u][j]) passes[position[u * top_k + j]]: passes [units * top_k, ...], gates [units, top_k],
/// result [units, ...]. Gates are exact beside bf16 passes. Keeps passes and gates.
Variable combine(const Variable& passes, const Variable& gates, const Indices& position, Gate gate);

}  // namespace modr::ops

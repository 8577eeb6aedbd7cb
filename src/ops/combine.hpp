#pragma once
#include "autograd/variable.hpp"
#include "ops/index.hpp"

namespace modr::ops {

/// How a gate's score enters the sum (MODEL.md, "Routing"): `raw` multiplies by g; `straight_through` multiplies by
/// 1 / top_k + (g - constant(g)), so that only the router sees g's gradient.
enum class Gate { raw, straight_through };

/// Where the rows of units and of their passes lie; a unit's passes have as many rows as the unit.
struct PassRows {
  Indices position;  // [units, top_k]: the pass of each choice
  Offsets units;     // [units + 1]: rows of each unit
  Offsets passes;    // [units * top_k + 1]: rows of each pass
};

/// s[u] = sum_j factor(gates[u][j]) passes[position[u * top_k + j]], row by row: passes [rows of passes, ...], gates
/// [units, top_k], result [rows of units, ...]. Gates are exact beside bf16 passes. Keeps passes and gates.
Variable combine(const Variable& passes, const Variable& gates, const PassRows& where, Gate gate);

}  // namespace modr::ops

#pragma once
// The ops of src/ops in sizes alone: what each takes, keeps for backward and takes in it. Named as there.
#include "train/planned_tape.hpp"

namespace modr {

/// A linear layer's weight, or the columns of one, as it is prepared for products.
struct PlannedLinear {
  PlannedVariable weight;  ///< [out, in]
  int64_t columns = 0;     ///< of the weight that the layer multiplies with
  PlannedVariable a = {}, b = {};  ///< adapters of all branches here; undefined: none
  int64_t lora_rank = 0;
  bool merged = false;
};

/// What attention goes over.
struct PlannedSequences {
  int64_t longest = 0;  ///< tokens of the longest sequence
  int64_t heads = 0;
};

namespace planned {

using Tape = PlannedTape;
using Variable = PlannedVariable;

Variable embedding(Tape& tape, const Variable& table, int64_t rows, DType dtype);
Variable linear(Tape& tape, const Variable& x, const PlannedLinear& layer, const Variable& addend = {});
/// `branches`: groups of rows that are worked on one after the other.
Variable lora_linear(Tape& tape, const Variable& x, const PlannedLinear& layer, int64_t branches);
Variable rms_norm(Tape& tape, const Variable& x, const Variable& weight);
Variable add_rms_norm(Tape& tape, const Variable& x, const Variable& residual, const Variable& weight);
Variable rope(Tape& tape, const Variable& qkv, const Variable& bias);
Variable causal_attention(Tape& tape, const Variable& qkv, const PlannedSequences& sequences);
Variable silu_gate(Tape& tape, const Variable& ab);
/// The same number of values in other rows.
Variable gather_rows(Tape& tape, const Variable& x, int64_t rows);
Variable combine(Tape& tape, const Variable& passes, const Variable& gates, int64_t rows);
/// Rows of other ranks for one's own: as many, where branches are equally loaded.
Variable exchange_rows(Tape& tape, const Variable& x);
/// Gates [units, top_k] of the router, all of its ops.
Variable route(Tape& tape, const Variable& h, const Variable& weight, int64_t units, int64_t top_k);
/// A scalar; all rows have a label.
Variable linear_cross_entropy(Tape& tape, const Variable& features, const Variable& head);

}  // namespace planned

}  // namespace modr

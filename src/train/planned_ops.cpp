#include "train/planned_ops.hpp"

#include <algorithm>

#include "kernels/api/attention.hpp"
#include "kernels/api/rms_norm.hpp"
#include "kernels/api/rope.hpp"
#include "ops/linear_cross_entropy.hpp"

namespace modr::planned {

namespace {

constexpr std::string_view workspace = "workspaces";

int64_t exact_size(const Variable& x) { return static_cast<int64_t>(size_of(exact(x.dtype))); }

// dx, where it is wanted.
void give_rows(Tape& tape, PlannedGradients& grads, std::size_t index, int64_t bytes) {
  if (grads.needs(index)) grads.give(index, tape.take(workspace, bytes));
}

std::vector<Variable> with(const Variable& x, const Variable& weight, const Variable& addend) {
  std::vector<Variable> inputs{x, weight};
  if (addend.defined()) inputs.push_back(addend);
  return inputs;
}

}  // namespace

Variable embedding(Tape& tape, const Variable& table, int64_t rows, DType dtype) {
  return tape.result("embedding", tape.rows(rows, table.columns, dtype), {table}, {},
                     [](const PlannedBlock&, PlannedGradients& grads) { grads.accumulator(0); });
}

Variable linear(Tape& tape, const Variable& x, const PlannedLinear& layer, const Variable& addend) {
  return tape.result("linear", tape.rows(x.rows, layer.weight.rows, x.dtype), with(x, layer.weight, addend), {x.value},
                     [&tape, bytes = x.bytes(), added = addend.defined()](const PlannedBlock& dy,
                                                                         PlannedGradients& grads) {
                       give_rows(tape, grads, 0, bytes);
                       if (grads.needs(1)) grads.accumulator(1);
                       if (added) grads.give(2, dy);
                     });
}

Variable lora_linear(Tape& tape, const Variable& x, const PlannedLinear& layer, int64_t branches) {
  const int64_t e = exact_size(x), low_bytes = x.rows * layer.lora_rank * e;
  std::vector<PlannedBlock> kept{x.value};
  if (!layer.merged) kept.push_back(tape.take(workspace, low_bytes));
  Variable y = tape.rows(x.rows, layer.weight.rows, x.dtype);
  return tape.result("lora_linear", y, {x, layer.weight, layer.a, layer.b}, std::move(kept),
                     [&tape, bytes = x.bytes(), low_bytes, merged = layer.merged,
                      branches](const PlannedBlock&, PlannedGradients& grads) {
                       PlannedBlock dx, low;
                       if (grads.needs(0)) dx = tape.take(workspace, bytes);
                       for (const std::size_t weight : {1, 2, 3})
                         if (grads.needs(weight)) grads.accumulator(weight);
                       if (merged) low = tape.take(workspace, low_bytes);
                       tape.take(workspace, low_bytes / branches);
                       if (dx) grads.give(0, dx);
                     });
}

Variable rms_norm(Tape& tape, const Variable& x, const Variable& weight) {
  const PlannedBlock inverse_rms = tape.take(workspace, x.rows * exact_size(x));
  return tape.result("rms_norm", tape.rows(x.rows, x.columns, x.dtype), {x, weight}, {x.value, inverse_rms},
                     [&tape, x_bytes = x.bytes(), weight_bytes = weight.bytes()](const PlannedBlock&,
                                                                                PlannedGradients& grads) {
                       if (grads.needs(1)) grads.accumulator(1);
                       const PlannedBlock shares =
                           tape.take(workspace, grads.needs(1) ? kernels::cpu::rms_norm_pieces * weight_bytes : 0);
                       give_rows(tape, grads, 0, x_bytes);
                     });
}

Variable add_rms_norm(Tape& tape, const Variable& x, const Variable& residual, const Variable& weight) {
  const PlannedBlock inverse_rms = tape.take(workspace, x.rows * exact_size(x));
  return tape.result("add_rms_norm", tape.rows(x.rows, x.columns, x.dtype), {x, residual, weight},
                     {x.value, residual.value, inverse_rms},
                     [&tape, x_bytes = x.bytes(), weight_bytes = weight.bytes()](const PlannedBlock&,
                                                                                PlannedGradients& grads) {
                       if (grads.needs(2)) grads.accumulator(2);
                       const PlannedBlock shares =
                           tape.take(workspace, grads.needs(2) ? kernels::cpu::rms_norm_pieces * weight_bytes : 0);
                       if (!grads.needs(0) && !grads.needs(1)) return;
                       const PlannedBlock dsum = tape.take(workspace, x_bytes);
                       grads.give(0, dsum);
                       grads.give(1, dsum);
                     });
}

Variable rope(Tape& tape, const Variable& qkv, const Variable& bias) {
  std::vector<Variable> inputs{qkv};
  if (bias.defined()) inputs.push_back(bias);
  return tape.result("rope", tape.rows(qkv.rows, qkv.columns, qkv.dtype), inputs, {},
                     [&tape, has_bias = bias.defined(), bytes = qkv.bytes(),
                      bias_bytes = bias.bytes()](const PlannedBlock&, PlannedGradients& grads) {
                       const PlannedBlock dqkv = tape.take(workspace, bytes);
                       PlannedBlock shares;
                       if (has_bias && grads.needs(1)) {
                         grads.accumulator(1);
                         shares = tape.take(workspace, kernels::cpu::rope_pieces * bias_bytes);
                       }
                       grads.give(0, dqkv);
                     });
}

Variable causal_attention(Tape& tape, const Variable& qkv, const PlannedSequences& sequences) {
  const int64_t offsets[] = {0, sequences.longest};
  const int64_t e = exact_size(qkv), lse_bytes = sequences.heads * qkv.rows * e;
  const kernels::cpu::AttentionShape shape{offsets, 1, sequences.heads, qkv.columns / (3 * sequences.heads)};
  const auto [forward, backward] = visit_dtype(qkv.dtype, [&]<typename T>() {
    return std::pair{kernels::cpu::causal_attention_workspace<T>(shape),
                     kernels::cpu::causal_attention_backward_workspace<T>(shape)};
  });
  Variable out = tape.rows(qkv.rows, qkv.columns / 3, qkv.dtype);
  const PlannedBlock log_sum_exp = tape.take(workspace, lse_bytes);
  tape.take(workspace, forward * e);
  return tape.result("causal_attention", out, {qkv}, {qkv.value, out.value, log_sum_exp},
                     [&tape, bytes = qkv.bytes(), lse_bytes, room = backward * e](const PlannedBlock&,
                                                                                PlannedGradients& grads) {
                       const PlannedBlock dqkv = tape.take(workspace, bytes);
                       const PlannedBlock delta = tape.take(workspace, lse_bytes);
                       tape.take(workspace, room);
                       grads.give(0, dqkv);
                     });
}

Variable silu_gate(Tape& tape, const Variable& ab) {
  return tape.result("silu_gate", tape.rows(ab.rows, ab.columns / 2, ab.dtype), {ab}, {ab.value},
                     [&tape, bytes = ab.bytes()](const PlannedBlock&, PlannedGradients& grads) {
                       give_rows(tape, grads, 0, bytes);
                     });
}

Variable gather_rows(Tape& tape, const Variable& x, int64_t rows) {
  return tape.result("gather_rows", tape.rows(rows, x.columns, x.dtype), {x}, {},
                     [](const PlannedBlock&, PlannedGradients& grads) { grads.accumulator(0); });
}

Variable combine(Tape& tape, const Variable& passes, const Variable& gates, int64_t rows) {
  return tape.result("combine", tape.rows(rows, passes.columns, passes.dtype), {passes, gates},
                     {passes.value, gates.value},
                     [&tape, pass_bytes = passes.bytes(), gate_bytes = gates.bytes()](const PlannedBlock&,
                                                                                     PlannedGradients& grads) {
                       PlannedBlock dpasses, dgates;
                       if (grads.needs(0)) dpasses = tape.take(workspace, pass_bytes);
                       if (grads.needs(1)) dgates = tape.take(workspace, gate_bytes);
                       if (dpasses) grads.give(0, dpasses);
                       if (dgates) grads.give(1, dgates);
                     });
}

Variable exchange_rows(Tape& tape, const Variable& x) {
  return tape.result("exchange_rows", tape.rows(x.rows, x.columns, x.dtype), {x}, {},
                     [&tape, bytes = x.bytes()](const PlannedBlock&, PlannedGradients& grads) {
                       give_rows(tape, grads, 0, bytes);
                     });
}

Variable route(Tape& tape, const Variable& h, const Variable& weight, int64_t units, int64_t top_k) {
  Variable exact_rows = h;  // their means, or themselves
  if (units != h.rows || h.dtype != weight.dtype) {
    exact_rows = tape.result("router", tape.rows(units, h.columns, weight.dtype), {h}, {},
                             [&tape, bytes = h.bytes()](const PlannedBlock&, PlannedGradients& grads) {
                               give_rows(tape, grads, 0, bytes);
                             });
  }
  const Variable scores = linear(tape, exact_rows, {weight, h.columns});
  const Variable gates = tape.rows(units, top_k, weight.dtype);
  return tape.result("router", gates, {scores}, {scores.value},
                     [&tape, bytes = scores.bytes()](const PlannedBlock&, PlannedGradients& grads) {
                       give_rows(tape, grads, 0, bytes);
                     });
}

Variable linear_cross_entropy(Tape& tape, const Variable& features, const Variable& head) {
  const int64_t vocab = head.rows, chunk = ops::rows_of_chunk(features.rows, vocab, head.dtype);
  const bool rounded = features.dtype != head.dtype;
  const std::string_view use = "loss: a chunk of logits";
  PlannedBlock dfeatures, dhead;
  if (features.slot) dfeatures = tape.take("loss: gradients", features.bytes());
  if (head.slot) dhead = tape.take("loss: gradients", head.bytes());
  {
    const PlannedBlock weights = rounded ? tape.take("loss: the head rounded", head.bytes() / 2) : nullptr;
    const PlannedBlock logits = tape.take(use, chunk * vocab * exact_size(features));
    const PlannedBlock dlogits = rounded ? tape.take(use, chunk * vocab * 2) : nullptr;
  }
  std::vector<PlannedBlock> kept;
  for (const PlannedBlock& gradient : {dfeatures, dhead})
    if (gradient) kept.push_back(gradient);
  return tape.result("linear_cross_entropy", tape.rows(1, 1, head.dtype), {features, head}, std::move(kept),
                     [dfeatures, dhead](const PlannedBlock&, PlannedGradients& grads) {
                       if (dfeatures) grads.give(0, dfeatures);
                       if (dhead) grads.give(1, dhead);
                     });
}

}  // namespace modr::planned

#include "tools/bench/kernel_cases.hpp"

#include <memory>
#include <utility>

#include "base/philox.hpp"
#include "kernels/api/low_rank.hpp"
#include "model/token_batch.hpp"
#include "ops/arithmetic.hpp"
#include "ops/attention.hpp"
#include "ops/linear.hpp"
#include "ops/linear_cross_entropy.hpp"
#include "ops/lora_linear.hpp"
#include "ops/matmul.hpp"
#include "ops/rms_norm.hpp"
#include "ops/rope.hpp"
#include "ops/silu_gate.hpp"
#include "optim/adamw.hpp"
#include "tensor/run_on.hpp"

namespace modr::tools {

namespace {

using Forward = std::function<Variable()>;

Tensor random_tensor(Shape shape, TensorType type) {
  static uint64_t next = 0;
  PhiloxSequence rng(++next, RandomStream::data);
  std::vector<float> values(static_cast<std::size_t>(shape.numel()));
  for (float& value : values) value = static_cast<float>(rng.uniform()) - 0.5f;
  return Tensor::from<float>(values, std::move(shape), type.dtype).to(type.device);
}

struct Costs {
  double bytes = 0, operations = 0;
};

/// Collects cases. Rows are of the dtype that is measured, weights of its exact one.
class Cases {
 public:
  explicit Cases(const KernelShapes& shapes) : shapes_(shapes) {}

  Variable rows(int64_t rows, int64_t width) const {
    return Variable(random_tensor({rows, width}, shapes_.model.type()), true);
  }
  Variable weight(Shape shape) const {
    return Variable(random_tensor(std::move(shape), exact(shapes_.model.type())), true);
  }
  /// Bytes of `count` values of rows.
  double bytes(int64_t count) const {
    return static_cast<double>(count) * static_cast<double>(size_of(shapes_.model.dtype));
  }

  void add(KernelCase one) { cases_.push_back(std::move(one)); }
  /// Two cases of an op: forward without gradient, and backward alone.
  void add_op(const std::string& op, const std::string& shape, const Costs& forward, const Costs& backward,
              const Forward& run) {
    add({op, shape, forward.bytes, forward.operations, [run] {
           return [run] {
             const NoGrad guard;
             run();
           };
         }});
    add({op + ", backward", shape, backward.bytes, backward.operations, [run] {
           const Variable result = run();
           Tensor seed = result.value().numel() == 1 ? Tensor() : random_like(result.value());
           return [result, seed] { modr::backward(result, seed); };
         }});
  }
  std::vector<KernelCase> take() { return std::move(cases_); }

 private:
  // (Backward may write to it.)
  static Tensor random_like(const Tensor& value) {
    const Tensor seed = Tensor::empty(value.shape(), value.type());
    seed.fill(1.0 / 1024);
    return seed;
  }

  KernelShapes shapes_;
  std::vector<KernelCase> cases_;
};

std::string shape_text(int64_t rows, int64_t in, int64_t out) { return fmt::format("{} x {} -> {}", rows, in, out); }

void add_elementwise(Cases& cases, const KernelShapes& shapes) {
  const int64_t rows = shapes.rows(), e = shapes.model.n_embd, f = shapes.model.intermediate_size;
  const double row = cases.bytes(rows * e), wide = cases.bytes(rows * f);
  const Variable x = cases.rows(rows, e), y = cases.rows(rows, e), norm = cases.weight({e});
  const std::string shape = fmt::format("{} x {}", rows, e);
  cases.add_op("rms_norm", shape, Costs{2 * row}, Costs{3 * row}, [=] { return ops::rms_norm(x, norm, 1e-6); });
  cases.add_op("add_rms_norm", shape, Costs{3 * row}, Costs{5 * row},
               [=] { return ops::add_rms_norm(x, y, norm, 1e-6); });
  cases.add({"add", shape, 3 * row, 0, [=] {
               return [=] {
                 const NoGrad guard;
                 ops::add(x, y);
               };
             }});
  const Variable ab = cases.rows(rows, 2 * f);
  cases.add_op("silu_gate", fmt::format("{} x {}", rows, 2 * f), Costs{3 * wide}, Costs{5 * wide},
               [=] { return ops::silu_gate(ab); });
}

// Attention: two products forward and four backward over the causal half. Making the scores again in backward is not
// counted: it is the price of not keeping them.
void add_attention(Cases& cases, const KernelShapes& shapes) {
  const int64_t rows = shapes.rows(), e = shapes.model.n_embd, heads = shapes.model.n_heads;
  const double row = cases.bytes(rows * e);
  const Variable qkv = cases.rows(rows, 3 * e), bias = cases.weight({2, 1, heads, e / heads});
  const Tensor table = ops::rope_table(shapes.seq_len, e / heads, 50000, shapes.model.device);
  const Offsets sequences = uniform_offsets(shapes.sequences, shapes.seq_len);
  const Indices positions = sequence_positions(sequences);
  const std::string shape =
      fmt::format("{} x {} tokens, {} heads of {}", shapes.sequences, shapes.seq_len, heads, e / heads);
  cases.add_op("rope and qk_bias", shape, Costs{6 * row}, Costs{6 * row},
               [=] { return ops::rope(qkv, bias, table, positions); });
  const double operations = 2 * static_cast<double>(rows * e) * static_cast<double>(shapes.seq_len + 1);
  cases.add_op("attention", shape, Costs{4 * row, operations}, Costs{8 * row, 2 * operations},
               [=] { return ops::causal_attention(qkv, sequences, heads); });
}

void add_linear(Cases& cases, const KernelShapes& shapes) {
  const int64_t rows = shapes.rows(), e = shapes.model.n_embd, f = shapes.model.intermediate_size;
  const std::pair<int64_t, int64_t> sizes[] = {{e, 3 * e}, {e, e}, {e, 2 * f}, {f, e}};
  for (const auto& [in, out] : sizes) {
    const Variable x = cases.rows(rows, in), weight = cases.weight({out, in});
    const double moved = cases.bytes(rows * (in + out)) + static_cast<double>(weight.value().bytes());
    const double operations = 2 * static_cast<double>(rows * in * out);
    const ops::PackedWeight packed = ops::pack_weight(weight.value(), shapes.model.dtype, true);
    cases.add_op("linear", shape_text(rows, in, out), Costs{moved, operations}, Costs{2 * moved, 2 * operations},
                 [=] { return ops::linear(x, weight, packed); });
  }
}

// The thin products of adapters, x A^T and y += (x A^T) B^T, and a layer with those of four branches as a whole.
template <typename T>
void add_low_rank(Cases& cases, const KernelShapes& shapes) {
  const int64_t e = shapes.model.n_embd, rank = shapes.lora_rank;
  for (const int64_t rows : {512, 1024, 2048}) {
    const Tensor x = cases.rows(rows, e).value(), y = cases.rows(rows, 3 * e).value();
    const Tensor a = cases.weight({rank, e}).value(), b = cases.weight({rank, 3 * e}).value();
    const Tensor thin = cases.weight({rows, rank}).value();
    cases.add(
        {"lora, down", shape_text(rows, e, rank), cases.bytes(rows * e), 2 * static_cast<double>(rows * e * rank), [=] {
           return [=] {
             visit_place(x.device(), [&](auto on) {
               kernels::low_rank_down<T>(on, x.pointer<T>(), rows, e, a.pointer<Exact<T>>(), rank, 1,
                                         thin.pointer<Exact<T>>());
             });
           };
         }});
    cases.add({"lora, up and add", shape_text(rows, rank, 3 * e), cases.bytes(rows * 6 * e),
               2 * static_cast<double>(rows * 3 * e * rank), [=] {
                 return [=] {
                   visit_place(x.device(), [&](auto on) {
                     kernels::low_rank_up<T>(on, thin.pointer<Exact<T>>(), rows, rank, b.pointer<Exact<T>>(), 3 * e,
                                             y.pointer<T>());
                   });
                 };
               }});
  }
}

void add_lora(Cases& cases, const KernelShapes& shapes) {
  visit_dtype(shapes.model.dtype, [&]<typename T>() { add_low_rank<T>(cases, shapes); });
  const int64_t e = shapes.model.n_embd, rank = shapes.lora_rank;
  constexpr int64_t branches = 4;
  const int64_t rows = shapes.rows();
  std::vector<RowGroup> segments;
  for (int64_t j = 0; j < branches; ++j) segments.push_back({j, rows * j / branches, rows * (j + 1) / branches});
  const RowGroups groups = make_row_groups(segments);
  const Variable x = cases.rows(rows, e), weight = cases.weight({3 * e, e});
  weight.set_requires_grad(false);
  const ops::PackedWeight packed = ops::pack_weight(weight.value(), shapes.model.dtype, true);
  const ops::LoraWeights lora{cases.weight({branches, rank, e}), cases.weight({branches, 3 * e, rank}), 2.0};
  const double moved = cases.bytes(rows * 4 * e) + static_cast<double>(weight.value().bytes());
  const double backbone = 2 * static_cast<double>(rows * e * 3 * e);
  const double adapters = 2 * static_cast<double>(rows * rank * 4 * e);
  cases.add_op("linear with 4 adapters, frozen", shape_text(rows, e, 3 * e), Costs{moved, backbone + adapters},
               Costs{moved, backbone + 2 * adapters},
               [=] { return ops::lora_linear(x, weight, lora, groups, packed); });
}

// The loss from the head's input: one product forward, two for its gradients, which are made in the same pass.
void add_loss(Cases& cases, const KernelShapes& shapes) {
  const int64_t rows = shapes.rows(), e = shapes.model.n_embd, vocab = shapes.model.vocab_size;
  std::vector<int32_t> labels(static_cast<std::size_t>(rows));
  PhiloxSequence rng(1, RandomStream::data);
  for (int32_t& label : labels) label = static_cast<int32_t>(rng.below(static_cast<uint64_t>(vocab)));
  const Variable x = cases.rows(rows, e), head = cases.weight({vocab, e});
  const Indices at = make_indices(std::move(labels));
  const auto loss = [=] { return ops::linear_cross_entropy(x, head, at, 1.0 / static_cast<double>(rows)); };
  const double moved = cases.bytes(rows * e) + static_cast<double>(head.value().bytes());
  const double operations = 2 * static_cast<double>(rows * e * vocab);
  const std::string shape = shape_text(rows, e, vocab);
  cases.add({"head and cross_entropy", shape, moved, operations, [=] {
               return [=] {
                 const NoGrad guard;
                 loss();
               };
             }});
  cases.add({"head and cross_entropy, with gradients", shape, 3 * moved, 3 * operations,
             [=] { return [=] { backward(loss()); }; }});
}

// Reads the weight, its gradient and two moments; writes all but the gradient.
void add_adamw(Cases& cases, const KernelShapes& shapes) {
  const int64_t rows = 2 * shapes.model.intermediate_size, e = shapes.model.n_embd;
  const Variable weight = cases.weight({rows, e});
  weight.grad_or_zeros().fill(1e-3);
  const auto optimizer = std::make_shared<AdamW>(ParameterList{{"weight", weight}}, OptimConfig());
  cases.add({"adamw", fmt::format("{} x {}", rows, e), 7 * static_cast<double>(weight.value().bytes()), 0,
             [optimizer] { return [optimizer] { optimizer->step(1e-4); }; }});
}

}  // namespace

std::vector<KernelCase> kernel_cases(const KernelShapes& shapes) {
  Cases cases(shapes);
  add_elementwise(cases, shapes);
  add_attention(cases, shapes);
  add_linear(cases, shapes);
  add_lora(cases, shapes);
  add_loss(cases, shapes);
  add_adamw(cases, shapes);
  return cases.take();
}

}  // namespace modr::tools

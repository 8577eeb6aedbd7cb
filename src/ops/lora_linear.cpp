#include "ops/lora_linear.hpp"

#include "base/error.hpp"
#include "ops/matmul.hpp"

namespace modr::ops {

namespace {

// Branch j's slice of stacked adapters, [1, p, q] read as [p, q].
Tensor branch_of(const Tensor& stacked, int64_t j) {
  return stacked.slice(0, j, j + 1).view({stacked.size(1), stacked.size(2)});
}

void check_groups(const std::vector<RowGroup>& groups, int64_t branches, int64_t rows) {
  int64_t covered = 0;
  for (const auto& [branch, begin, end] : groups) {
    MODR_CHECK(branch >= 0 && branch < branches && begin == covered && end >= begin,
               "rows [{}, {}) of branch {} after row {}, with {} branches", begin, end, branch, covered, branches);
    covered = end;
  }
  MODR_CHECK(covered == rows, "row groups end at {} of {} rows", covered, rows);
}

// What forward and backward share.
struct Operands {
  Tensor x, w, a, b, merged;
  RowGroups groups;
  double scale;
};

Operands checked(const Variable& x, const Variable& weight, const LoraWeights& lora, const RowGroups& groups) {
  Operands o{x.value(), weight.value(), lora.a.value(), lora.b.value(), lora.merged, groups, lora.scale};
  const int64_t branches = o.a.size(0), rank = o.a.size(1), out = o.w.size(0), in = o.w.size(1);
  MODR_CHECK(o.x.rank() == 2 && o.x.size(1) == in && o.a.size(2) == in && o.b.shape() == (Shape{branches, out, rank}),
             "lora_linear of {} with weight {}, A {}, B {}", o.x.shape().to_string(), o.w.shape().to_string(),
             o.a.shape().to_string(), o.b.shape().to_string());
  MODR_CHECK(!o.merged.defined() || o.merged.shape() == (Shape{branches, out, in}), "merged weights {} of {} branches",
             o.merged.shape().to_string(), branches);
  check_groups(*groups, branches, o.x.size(0));
  return o;
}

// dA_j += dlow^T x of a group's rows and, returned, dlow = scale dy B_j.
Tensor low_gradient(const Operands& o, int64_t j, const Tensor& x_j, const Tensor& dy_j, const Tensor& da) {
  const Tensor dlow = Tensor::empty({x_j.size(0), o.a.size(1)}, x_j.dtype());
  matmul({dy_j}, {branch_of(o.b, j)}, dlow, o.scale);
  if (da.defined()) matmul({dlow, true}, {x_j}, branch_of(da, j), 1, 1);
  return dlow;
}

// Three products: with W for all rows, with A_j and B_j for each group.
Tensor factored_forward(const Operands& o, const Tensor& low) {
  Tensor y = Tensor::empty({o.x.size(0), o.w.size(0)}, o.x.dtype());
  matmul({o.x}, {o.w, true}, y);
  for (const auto& [j, begin, end] : *o.groups) {
    matmul({o.x.slice(0, begin, end)}, {branch_of(o.a, j), true}, low.slice(0, begin, end));
    matmul({low.slice(0, begin, end)}, {branch_of(o.b, j), true}, y.slice(0, begin, end), o.scale, 1);
  }
  return y;
}

void factored_backward(const Operands& o, const Tensor& low, const Tensor& dy, InputGradients& grads) {
  Tensor dx, da, db;
  if (grads.needs(0)) {
    dx = Tensor::empty(o.x.shape(), o.x.dtype());
    matmul({dy}, {o.w}, dx);
  }
  if (grads.needs(1)) matmul({dy, true}, {o.x}, grads.accumulator(1), 1, 1);
  if (grads.needs(2)) da = grads.accumulator(2);
  if (grads.needs(3)) db = grads.accumulator(3);
  for (const auto& [j, begin, end] : *o.groups) {
    const Tensor dy_j = dy.slice(0, begin, end);
    if (db.defined()) matmul({dy_j, true}, {low.slice(0, begin, end)}, branch_of(db, j), o.scale, 1);
    if (!dx.defined() && !da.defined()) continue;
    const Tensor dlow = low_gradient(o, j, o.x.slice(0, begin, end), dy_j, da);
    if (dx.defined()) matmul({dlow}, {branch_of(o.a, j)}, dx.slice(0, begin, end), 1, 1);
  }
  if (dx.defined()) grads.give(0, std::move(dx));
}

// One product a group.
Tensor merged_forward(const Operands& o) {
  Tensor y = Tensor::empty({o.x.size(0), o.w.size(0)}, o.x.dtype());
  for (const auto& [j, begin, end] : *o.groups)
    matmul({o.x.slice(0, begin, end)}, {branch_of(o.merged, j), true}, y.slice(0, begin, end));
  return y;
}

void merged_backward(const Operands& o, const Tensor& dy, InputGradients& grads) {
  Tensor dx, da, db;
  if (grads.needs(0)) dx = Tensor::empty(o.x.shape(), o.x.dtype());
  if (grads.needs(1)) matmul({dy, true}, {o.x}, grads.accumulator(1), 1, 1);
  if (grads.needs(2)) da = grads.accumulator(2);
  if (grads.needs(3)) db = grads.accumulator(3);
  for (const auto& [j, begin, end] : *o.groups) {
    const Tensor dy_j = dy.slice(0, begin, end), x_j = o.x.slice(0, begin, end);
    if (dx.defined()) matmul({dy_j}, {branch_of(o.merged, j)}, dx.slice(0, begin, end));
    if (da.defined()) low_gradient(o, j, x_j, dy_j, da);
    if (!db.defined()) continue;
    const Tensor low = Tensor::empty({end - begin, o.a.size(1)}, o.x.dtype());
    matmul({x_j}, {branch_of(o.a, j), true}, low);
    matmul({dy_j, true}, {low}, branch_of(db, j), o.scale, 1);
  }
  if (dx.defined()) grads.give(0, std::move(dx));
}

}  // namespace

Tensor merged_weights(const Variable& weight, const LoraWeights& lora) {
  const int64_t branches = lora.a.size(0);
  Tensor merged = Tensor::empty({branches, weight.size(0), weight.size(1)}, weight.dtype());
  for (int64_t j = 0; j < branches; ++j) {
    branch_of(merged, j).copy_from(weight.value());
    matmul({branch_of(lora.b.value(), j)}, {branch_of(lora.a.value(), j)}, branch_of(merged, j), lora.scale, 1);
  }
  return merged;
}

Variable lora_linear(const Variable& x, const Variable& weight, const LoraWeights& lora, const RowGroups& groups) {
  Operands o = checked(x, weight, lora, groups);
  std::vector<Variable> inputs{x, weight, lora.a, lora.b};
  if (o.merged.defined()) {
    Tensor y = merged_forward(o);
    return make_result("lora_linear", std::move(y), std::move(inputs),
                       [o = std::move(o)](const Tensor& dy, InputGradients& grads) { merged_backward(o, dy, grads); });
  }
  Tensor low = Tensor::empty({o.x.size(0), o.a.size(1)}, o.x.dtype());  // x A_j^T
  Tensor y = factored_forward(o, low);
  return make_result("lora_linear", std::move(y), std::move(inputs),
                     [o = std::move(o), low = std::move(low)](const Tensor& dy, InputGradients& grads) {
                       factored_backward(o, low, dy, grads);
                     });
}

}  // namespace modr::ops

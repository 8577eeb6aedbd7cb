#include "ops/lora_linear.hpp"

#include "base/error.hpp"
#include "kernels/api/elementwise.hpp"
#include "kernels/api/low_rank.hpp"

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

// thin = factor wide matrix^T: [rows, width] and [rank, width] -> [rows, rank].
void down(const Tensor& wide, const Tensor& matrix, double factor, const Tensor& thin) {
  run_on(wide, [&]<typename T>(auto on) {
    kernels::low_rank_down<T>(on, wide.pointer<T>(), wide.size(0), wide.size(1), matrix.pointer<Exact<T>>(),
                              matrix.size(0), static_cast<Exact<T>>(factor), thin.pointer<Exact<T>>());
  });
}

// wide += thin matrix.
void up(const Tensor& thin, const Tensor& matrix, const Tensor& wide) {
  run_on(wide, [&]<typename T>(auto on) {
    kernels::low_rank_up<T>(on, thin.pointer<Exact<T>>(), thin.size(0), matrix.size(0), matrix.pointer<Exact<T>>(),
                            matrix.size(1), wide.pointer<T>());
  });
}

// matrix += thin^T wide.
void outer(const Tensor& thin, const Tensor& wide, const Tensor& matrix) {
  run_on(wide, [&]<typename T>(auto on) {
    kernels::low_rank_outer<T>(on, thin.pointer<Exact<T>>(), thin.size(0), matrix.size(0), wide.pointer<T>(),
                               matrix.size(1), matrix.pointer<Exact<T>>());
  });
}

// to += factor from^T, [p, q] and [q, p].
void add_turned(const Tensor& from, double factor, const Tensor& to) {
  run_exactly_on(from, [&]<typename T>(auto on) {
    kernels::add_turned(on, from.dense<T>(), from.size(0), from.size(1), static_cast<T>(factor), to.dense<T>());
  });
}

// factor B_j^T, [rank, out].
Tensor turn_branch(const Tensor& b, int64_t j, double factor) {
  Tensor turned = Tensor::zeros({b.size(2), b.size(1)}, b.type());
  add_turned(branch_of(b, j), factor, turned);
  return turned;
}

// What forward and backward share.
struct Operands {
  Tensor x, w, a, b;
  RowGroups groups;
  double scale;
  PackedWeight packed;               // of w; may be undefined
  std::vector<PackedWeight> merged;  // of the branches; may be empty
  TurnedBranches turned;             // of the present B; may be empty

  Tensor rows(const Tensor& of, const RowGroup& group) const { return of.slice(0, group.begin, group.end); }
  Tensor low() const { return Tensor::empty({x.size(0), a.size(1)}, a.type()); }
  // B_j^T, for y times the scale.
  Tensor turned_branch(int64_t j, bool scaled) const {
    const std::vector<Tensor>& made = scaled ? turned.scaled : turned.plain;
    return made.empty() ? turn_branch(b, j, scaled ? scale : 1) : made[static_cast<std::size_t>(j)];
  }
};

Operands checked(const Variable& x, const Variable& weight, const LoraWeights& lora, const RowGroups& groups,
                 const PackedWeight& packed) {
  Operands o{x.value().contiguous(), weight.value(), lora.a.value(), lora.b.value(), groups,
             lora.scale,             packed,         lora.merged,    {}};
  if (lora.turned.version == o.b.version()) o.turned = lora.turned;
  const int64_t branches = o.a.size(0), rank = o.a.size(1), out = o.w.size(0), in = o.w.size(1);
  MODR_CHECK(o.x.rank() == 2 && o.x.size(1) == in && o.a.size(2) == in && o.b.shape() == (Shape{branches, out, rank}),
             "lora_linear of {} with weight {}, A {}, B {}", o.x.shape().to_string(), o.w.shape().to_string(),
             o.a.shape().to_string(), o.b.shape().to_string());
  MODR_CHECK(o.merged.empty() || std::ssize(o.merged) == branches, "merged weights of {} of {} branches",
             o.merged.size(), branches);
  check_groups(*groups, branches, o.x.size(0));
  return o;
}

// The product with W for all rows, then A_j and B_j for each group.
Tensor factored_forward(const Operands& o, const Tensor& low) {
  Tensor y = Tensor::empty({o.x.size(0), o.w.size(0)}, o.x.type());
  matmul({o.x}, packed_or(o.packed.forward, {o.w, true}, o.x.dtype()), y);
  for (const RowGroup& group : *o.groups) {
    down(o.rows(o.x, group), branch_of(o.a, group.branch), 1, o.rows(low, group));
    up(o.rows(low, group), o.turned_branch(group.branch, true), o.rows(y, group));
  }
  return y;
}

// One product a group.
Tensor merged_forward(const Operands& o) {
  Tensor y = Tensor::empty({o.x.size(0), o.w.size(0)}, o.x.type());
  for (const RowGroup& group : *o.groups)
    matmul({o.rows(o.x, group)}, o.merged[static_cast<std::size_t>(group.branch)].forward, o.rows(y, group));
  return y;
}

// dx of the products of the forward pass, without the adapters where they are not merged.
Tensor wide_gradient(const Operands& o, const Tensor& dy) {
  Tensor dx = Tensor::empty(o.x.shape(), o.x.type());
  if (o.merged.empty()) {
    matmul({dy}, packed_or(o.packed.backward, {o.w}, dy.dtype()), dx);
    return dx;
  }
  for (const RowGroup& group : *o.groups)
    matmul({o.rows(dy, group)}, o.merged[static_cast<std::size_t>(group.branch)].backward, o.rows(dx, group));
  return dx;
}

// The adapters' part of one group: dlow = scale dy B_j, dA_j += dlow^T x, dB_j += scale dy^T low, and, where dx is
// defined, dx += dlow A_j.
struct AdapterGradients {
  Tensor da, db, dx;  // undefined: not wanted

  void add(const Operands& o, const RowGroup& group, const Tensor& low, const Tensor& dy) const {
    const int64_t j = group.branch;
    const Tensor dy_j = o.rows(dy, group), x_j = o.rows(o.x, group);
    if (db.defined()) {
      const Tensor turned = Tensor::zeros({o.b.size(2), o.b.size(1)}, o.b.type());
      outer(low, dy_j, turned);
      add_turned(turned, o.scale, branch_of(db, j));
    }
    if (!da.defined() && !dx.defined()) return;
    const Tensor dlow = Tensor::empty({dy_j.size(0), o.a.size(1)}, o.a.type());
    down(dy_j, o.turned_branch(j, false), o.scale, dlow);
    if (da.defined()) outer(dlow, x_j, branch_of(da, j));
    if (dx.defined()) up(dlow, branch_of(o.a, j), o.rows(dx, group));
  }
};

void lora_backward(const Operands& o, Tensor low, const Tensor& gradient, InputGradients& grads) {
  const Tensor dy = gradient.contiguous();
  Tensor dx;
  if (grads.needs(0)) dx = wide_gradient(o, dy);
  if (grads.needs(1)) matmul({dy, true}, {o.x}, grads.accumulator(1), 1, 1);
  AdapterGradients adapters;
  if (grads.needs(2)) adapters.da = grads.accumulator(2);
  if (grads.needs(3)) adapters.db = grads.accumulator(3);
  if (o.merged.empty()) adapters.dx = dx;
  const bool low_is_missing = adapters.db.defined() && !low.defined();
  if (low_is_missing) low = o.low();
  for (const RowGroup& group : *o.groups) {
    if (low_is_missing) down(o.rows(o.x, group), branch_of(o.a, group.branch), 1, o.rows(low, group));
    adapters.add(o, group, low.defined() ? o.rows(low, group) : low, dy);
  }
  if (dx.defined()) grads.give(0, std::move(dx));
}

}  // namespace

std::vector<PackedWeight> merge(const Variable& weight, const LoraWeights& lora, DType dtype, bool with_backward) {
  std::vector<PackedWeight> merged;
  for (int64_t j = 0; j < lora.a.size(0); ++j) {
    const Tensor sum = Tensor::empty(weight.shape(), exact(weight.type()));
    sum.copy_from(weight.value());
    matmul({branch_of(lora.b.value(), j)}, {branch_of(lora.a.value(), j)}, sum, lora.scale, 1);
    merged.push_back(pack_weight(sum, dtype, with_backward));
  }
  return merged;
}

TurnedBranches turn_branches(const LoraWeights& lora, bool with_backward) {
  const Tensor& b = lora.b.value();
  TurnedBranches turned{{}, {}, b.version()};
  for (int64_t j = 0; j < b.size(0); ++j) {
    turned.scaled.push_back(turn_branch(b, j, lora.scale));
    if (with_backward) turned.plain.push_back(turn_branch(b, j, 1));
  }
  return turned;
}

Variable lora_linear(const Variable& x, const Variable& weight, const LoraWeights& lora, const RowGroups& groups,
                     const PackedWeight& packed) {
  Operands o = checked(x, weight, lora, groups, packed);
  Tensor low;  // x A_j^T
  if (o.merged.empty()) low = o.low();
  Tensor y = o.merged.empty() ? factored_forward(o, low) : merged_forward(o);
  return make_result("lora_linear", std::move(y), {x, weight, lora.a, lora.b},
                     [o = std::move(o), low = std::move(low)](const Tensor& dy, InputGradients& grads) {
                       lora_backward(o, low, dy, grads);
                     });
}

}  // namespace modr::ops

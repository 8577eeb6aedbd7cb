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

}  // namespace

Variable lora_linear(const Variable& x, const Variable& weight, const LoraWeights& lora, const RowGroups& groups) {
  const Tensor a = lora.a.value(), b = lora.b.value(), in = x.value(), w = weight.value();
  const int64_t rows = in.size(0), rank = a.size(1), branches = a.size(0);
  MODR_CHECK(in.rank() == 2 && a.size(2) == w.size(1) && b.size(0) == branches && b.size(1) == w.size(0) &&
                 b.size(2) == rank && in.size(1) == w.size(1),
             "lora_linear of {} with weight {}, A {}, B {}", in.shape().to_string(), w.shape().to_string(),
             a.shape().to_string(), b.shape().to_string());
  check_groups(*groups, branches, rows);
  Tensor y = Tensor::empty({rows, w.size(0)}, in.dtype());
  Tensor low = Tensor::empty({rows, rank}, in.dtype());  // x A_j^T
  matmul({in}, {w, true}, y);
  for (const auto& [j, begin, end] : *groups) {
    matmul({in.slice(0, begin, end)}, {branch_of(a, j), true}, low.slice(0, begin, end));
    matmul({low.slice(0, begin, end)}, {branch_of(b, j), true}, y.slice(0, begin, end), lora.scale, 1);
  }
  return make_result("lora_linear", std::move(y), {x, weight, lora.a, lora.b},
                     [in, w, a, b, low, groups, scale = lora.scale, rank](const Tensor& dy, InputGradients& grads) {
                       Tensor dx, da, db;
                       if (grads.needs(0)) {
                         dx = Tensor::empty(in.shape(), in.dtype());
                         matmul({dy}, {w}, dx);
                       }
                       if (grads.needs(1)) matmul({dy, true}, {in}, grads.accumulator(1), 1, 1);
                       if (grads.needs(2)) da = grads.accumulator(2);
                       if (grads.needs(3)) db = grads.accumulator(3);
                       for (const auto& [j, begin, end] : *groups) {
                         const Tensor dy_j = dy.slice(0, begin, end), x_j = in.slice(0, begin, end);
                         if (db.defined()) matmul({dy_j, true}, {low.slice(0, begin, end)}, branch_of(db, j), scale, 1);
                         if (!dx.defined() && !da.defined()) continue;
                         const Tensor dlow = Tensor::empty({end - begin, rank}, in.dtype());
                         matmul({dy_j}, {branch_of(b, j)}, dlow, scale);
                         if (da.defined()) matmul({dlow, true}, {x_j}, branch_of(da, j), 1, 1);
                         if (dx.defined()) matmul({dlow}, {branch_of(a, j)}, dx.slice(0, begin, end), 1, 1);
                       }
                       if (dx.defined()) grads.give(0, std::move(dx));
                     });
}

}  // namespace modr::ops

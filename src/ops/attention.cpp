#include "ops/attention.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "kernels/api/attention.hpp"

namespace modr::ops {

namespace {

// The shape looks into `sequences`, which must live as long.
kernels::cpu::AttentionShape shape_of(const Variable& qkv, const Offsets& sequences, int64_t heads) {
  const int64_t head_dim = qkv.size(-1) / (3 * heads);
  MODR_CHECK(qkv.value().rank() == 2 && head_dim * 3 * heads == qkv.size(1), "attention of {} with {} heads",
             qkv.shape().to_string(), heads);
  static_assert(max_head_dim <= kernels::cpu::max_head_dim);
  MODR_CHECK(head_dim <= max_head_dim, "head_dim {} is above {}", head_dim, max_head_dim);
  MODR_CHECK(sequences != nullptr && !sequences->empty() && sequences->front() == 0 &&
                 sequences->back() == qkv.size(0) && std::is_sorted(sequences->begin(), sequences->end()),
             "attention of {} rows in sequences that do not cover them in order", qkv.size(0));
  return {sequences->data(), static_cast<int64_t>(sequences->size()) - 1, heads, head_dim};
}

}  // namespace

Variable causal_attention(const Variable& qkv, const Offsets& sequences, int64_t heads) {
  const auto shape = shape_of(qkv, sequences, heads);
  Tensor out = Tensor::empty({qkv.size(0), qkv.size(1) / 3}, qkv.dtype());
  Tensor log_sum_exp = Tensor::empty({heads, qkv.size(0)}, exact(qkv.dtype()));
  visit_dtype(qkv.dtype(), [&]<typename T>() {
    const Tensor workspace = Tensor::empty({kernels::cpu::causal_attention_workspace<T>(shape)}, log_sum_exp.dtype());
    kernels::cpu::causal_attention<T>(
        {shape, qkv.value().span<T>().data(), out.data<T>(), log_sum_exp.data<Exact<T>>(), workspace.data<Exact<T>>()});
  });
  return make_result(
      "causal_attention", out, {qkv},
      [shape, sequences, qkv = qkv.value(), out, log_sum_exp](const Tensor& dout, InputGradients& grads) {
        Tensor dqkv = Tensor::empty(qkv.shape(), qkv.dtype());
        const Tensor delta = Tensor::empty(log_sum_exp.shape(), log_sum_exp.dtype());
        visit_dtype(qkv.dtype(), [&]<typename T>() {
          const Tensor workspace =
              Tensor::empty({kernels::cpu::causal_attention_backward_workspace<T>(shape)}, delta.dtype());
          kernels::cpu::causal_attention_backward<T>({shape, dout.span<T>().data(), qkv.data<T>(), out.data<T>(),
                                                      log_sum_exp.data<Exact<T>>(), delta.data<Exact<T>>(),
                                                      workspace.data<Exact<T>>(), dqkv.data<T>()});
        });
        grads.give(0, std::move(dqkv));
      });
}

Variable cached_attention(const Variable& qkv, const Offsets& sequences, int64_t heads, const CachedTokens& cached) {
  const auto shape = shape_of(qkv, sequences, heads);
  MODR_CHECK(static_cast<int64_t>(cached.past.size()) == shape.sequences &&
                 static_cast<int64_t>(cached.rows.size()) == shape.sequences * cached.max_past,
             "cached rows {} and lengths {} for {} sequences of at most {}", cached.rows.size(), cached.past.size(),
             shape.sequences, cached.max_past);
  for (int64_t past : cached.past) MODR_CHECK(past >= 0 && past <= cached.max_past, "{} cached tokens", past);
  for (int64_t row : cached.rows) MODR_CHECK(row >= -1 && row < cached.slab.size(0), "cache row {}", row);
  MODR_CHECK(cached.slab.dtype() == qkv.dtype(), "a cache of {} for rows of {}", name_of(cached.slab.dtype()),
             name_of(qkv.dtype()));
  Tensor out = Tensor::empty({qkv.size(0), qkv.size(1) / 3}, qkv.dtype());
  visit_dtype(qkv.dtype(), [&]<typename T>() {
    kernels::cpu::cached_attention<T>({shape, qkv.value().span<T>().data(), cached.slab.data<T>(), cached.rows.data(),
                                       cached.past.data(), cached.max_past, out.data<T>()});
  });
  return Variable(std::move(out));
}

}  // namespace modr::ops

#include "ops/attention.hpp"

#include "base/error.hpp"
#include "kernels/api/attention.hpp"

namespace modr::ops {

namespace {

kernels::cpu::AttentionShape shape_of(const Variable& qkv, int64_t seq, int64_t heads) {
  const int64_t rows = qkv.size(0), head_dim = qkv.size(-1) / (3 * heads);
  MODR_CHECK(qkv.value().rank() == 2 && head_dim * 3 * heads == qkv.size(1) && seq > 0 && rows % seq == 0,
             "attention of {} with {} tokens a sequence and {} heads", qkv.shape().to_string(), seq, heads);
  static_assert(max_head_dim <= kernels::cpu::max_head_dim);
  MODR_CHECK(head_dim <= max_head_dim, "head_dim {} is above {}", head_dim, max_head_dim);
  return {rows / seq, seq, heads, head_dim};
}

}  // namespace

Variable causal_attention(const Variable& qkv, int64_t seq, int64_t heads) {
  const auto shape = shape_of(qkv, seq, heads);
  Tensor out = Tensor::empty({qkv.size(0), qkv.size(1) / 3}, qkv.dtype());
  Tensor log_sum_exp = Tensor::empty({shape.batch, heads, seq}, qkv.dtype());
  dispatch(qkv.dtype(), [&]<typename T>() {
    kernels::cpu::causal_attention(shape, qkv.value().span<T>().data(), out.data<T>(), log_sum_exp.data<T>());
  });
  return make_result("causal_attention", out, {qkv},
                     [shape, qkv = qkv.value(), out, log_sum_exp](const Tensor& dout, InputGradients& grads) {
                       Tensor dqkv = Tensor::empty(qkv.shape(), qkv.dtype());
                       const Tensor delta = Tensor::empty(log_sum_exp.shape(), qkv.dtype());
                       dispatch(qkv.dtype(), [&]<typename T>() {
                         kernels::cpu::causal_attention_backward<T>({shape, dout.span<T>().data(), qkv.data<T>(),
                                                                     out.data<T>(), log_sum_exp.data<T>(),
                                                                     delta.data<T>(), dqkv.data<T>()});
                       });
                       grads.give(0, std::move(dqkv));
                     });
}

Variable cached_attention(const Variable& qkv, int64_t seq, int64_t heads, const CachedTokens& cached) {
  const auto shape = shape_of(qkv, seq, heads);
  MODR_CHECK(static_cast<int64_t>(cached.past.size()) == shape.batch &&
                 static_cast<int64_t>(cached.rows.size()) == shape.batch * cached.max_past,
             "cached rows {} and lengths {} for {} sequences of at most {}", cached.rows.size(), cached.past.size(),
             shape.batch, cached.max_past);
  for (int64_t past : cached.past) MODR_CHECK(past >= 0 && past <= cached.max_past, "{} cached tokens", past);
  for (int64_t row : cached.rows) MODR_CHECK(row >= -1 && row < cached.slab.size(0), "cache row {}", row);
  Tensor out = Tensor::empty({qkv.size(0), qkv.size(1) / 3}, qkv.dtype());
  const Tensor scores = Tensor::empty({shape.batch, heads, cached.max_past + seq}, qkv.dtype());
  dispatch(qkv.dtype(), [&]<typename T>() {
    kernels::cpu::cached_attention<T>({shape, qkv.value().span<T>().data(), cached.slab.data<T>(), cached.rows.data(),
                                       cached.past.data(), cached.max_past, out.data<T>(), scores.data<T>()});
  });
  return Variable(std::move(out));
}

}  // namespace modr::ops

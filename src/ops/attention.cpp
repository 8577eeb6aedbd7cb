#include "ops/attention.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "kernels/api/attention.hpp"

namespace modr::ops {

namespace {

// The shape looks into `sequences` where the rows are, which must live as long.
kernels::AttentionShape shape_of(const Variable& qkv, const Offsets& sequences, int64_t heads) {
  const int64_t head_dim = qkv.size(-1) / (3 * heads);
  MODR_CHECK(qkv.value().rank() == 2 && head_dim * 3 * heads == qkv.size(1), "attention of {} with {} heads",
             qkv.shape().to_string(), heads);
  static_assert(max_head_dim <= kernels::max_head_dim);
  MODR_CHECK(head_dim <= max_head_dim, "head_dim {} is above {}", head_dim, max_head_dim);
  MODR_CHECK(sequences != nullptr && !sequences->empty() && sequences->front() == 0 &&
                 sequences->back() == qkv.size(0) && std::is_sorted(sequences->begin(), sequences->end()),
             "attention of {} rows in sequences that do not cover them in order", qkv.size(0));
  auto shape = kernels::shape_on_host(sequences->values().data(), std::ssize(sequences->values()) - 1, heads, head_dim);
  shape.offsets = sequences->on(qkv.device());
  return shape;
}

// Room of size_of<T>(on, shape) exact elements, for which the kernel is asked on the host.
template <typename F>
Tensor workspace_of(kernels::AttentionShape shape, const Offsets& sequences, TensorType type, F size_of) {
  shape.offsets = sequences->values().data();
  const int64_t size = visit_dtype(type.dtype, [&]<typename T>() {
    return visit_place(type.device, [&](auto on) { return size_of.template operator()<T>(on, shape); });
  });
  return Tensor::empty({size}, exact(type));
}

}  // namespace

Variable causal_attention(const Variable& qkv, const Offsets& sequences, int64_t heads) {
  const auto shape = shape_of(qkv, sequences, heads);
  Tensor out = Tensor::empty({qkv.size(0), qkv.size(1) / 3}, qkv.type());
  Tensor log_sum_exp = Tensor::empty({heads, qkv.size(0)}, exact(qkv.type()));
  const Tensor workspace = workspace_of(shape, sequences, qkv.type(), []<typename T>(auto on, const auto& of) {
    return kernels::causal_attention_workspace<T>(on, of);
  });
  run_on(qkv, [&]<typename T>(auto on) {
    kernels::causal_attention<T>(on, {shape, qkv.value().dense<T>(), out.pointer<T>(), log_sum_exp.pointer<Exact<T>>(),
                                      workspace.pointer<Exact<T>>()});
  });
  return make_result(
      "causal_attention", out, {qkv},
      [shape, sequences, qkv = qkv.value(), out, log_sum_exp](const Tensor& dout, InputGradients& grads) {
        Tensor dqkv = Tensor::empty(qkv.shape(), qkv.type());
        const Tensor delta = Tensor::empty(log_sum_exp.shape(), log_sum_exp.type());
        const Tensor room = workspace_of(shape, sequences, qkv.type(), []<typename T>(auto on, const auto& of) {
          return kernels::causal_attention_backward_workspace<T>(on, of);
        });
        run_on(qkv, [&]<typename T>(auto on) {
          kernels::causal_attention_backward<T>(
              on, {shape, dout.dense<T>(), qkv.pointer<T>(), out.pointer<T>(), log_sum_exp.pointer<Exact<T>>(),
                   delta.pointer<Exact<T>>(), room.pointer<Exact<T>>(), dqkv.pointer<T>()});
        });
        grads.give(0, std::move(dqkv));
      });
}

Variable cached_attention(const Variable& qkv, const Offsets& sequences, int64_t heads, const CachedTokens& cached) {
  const auto shape = shape_of(qkv, sequences, heads);
  MODR_CHECK(std::ssize(cached.past->values()) == shape.sequences &&
                 std::ssize(cached.rows->values()) == shape.sequences * cached.max_past,
             "cached rows {} and lengths {} for {} sequences of at most {}", cached.rows->size(), cached.past->size(),
             shape.sequences, cached.max_past);
  for (int64_t past : *cached.past) MODR_CHECK(past >= 0 && past <= cached.max_past, "{} cached tokens", past);
  for (int64_t row : *cached.rows) MODR_CHECK(row >= -1 && row < cached.slab.size(0), "cache row {}", row);
  MODR_CHECK(cached.slab.dtype() == qkv.dtype(), "a cache of {} for rows of {}", name_of(cached.slab.dtype()),
             name_of(qkv.dtype()));
  Tensor out = Tensor::empty({qkv.size(0), qkv.size(1) / 3}, qkv.type());
  run_on(qkv, [&]<typename T>(auto on) {
    kernels::cached_attention<T>(
        on, {shape, qkv.value().dense<T>(), cached.slab.pointer<T>(), cached.rows->on(qkv.device()),
             cached.past->on(qkv.device()), cached.max_past, out.pointer<T>()});
  });
  return Variable(std::move(out));
}

}  // namespace modr::ops

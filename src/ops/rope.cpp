#include "ops/rope.hpp"

#include <cmath>

#include "base/error.hpp"
#include "kernels/api/rope.hpp"

namespace modr::ops {

Tensor rope_table(int64_t positions, int64_t head_dim, double base, Device device) {
  Tensor table = Tensor::empty({positions, head_dim / 2, 2}, {DType::f32, device.is_meta() ? device : cpu_device});
  if (device.is_meta()) return table;
  auto* to = table.data<float>();
  for (int64_t position = 0; position < positions; ++position)
    for (int64_t i = 0; i < head_dim; i += 2) {
      const float exponent = static_cast<float>(i) / static_cast<float>(head_dim);
      const float frequency = 1.0f / std::pow(static_cast<float>(base), exponent);
      const float angle = static_cast<float>(position) * frequency;
      *to++ = std::cos(angle);
      *to++ = std::sin(angle);
    }
  return table.to(device);
}

Variable rope(const Variable& qkv, const Variable& qk_bias, const Tensor& table, const Indices& positions) {
  const int64_t head_dim = table.size(1) * 2, rows = qkv.size(0);
  const kernels::RopeShape shape{rows, qkv.size(-1) / (3 * head_dim), head_dim};
  MODR_CHECK(qkv.value().numel() == rows * 3 * shape.heads * head_dim, "rope of {} with head_dim {}",
             qkv.shape().to_string(), head_dim);
  MODR_CHECK(!qk_bias.defined() || qk_bias.shape() == (Shape{2, 1, shape.heads, head_dim}), "rope with qk_bias {}",
             qk_bias.shape().to_string());
  MODR_CHECK(std::ssize(positions->values()) == rows, "{} positions for {} rows", positions->size(), rows);
  for (int32_t position : *positions)
    if (position < 0 || position >= table.size(0))
      fail("position {} is outside the model's block size {}", position, table.size(0));
  Tensor out = Tensor::empty(qkv.shape(), qkv.type());
  run_on(qkv, [&]<typename T>(auto on) {
    kernels::rope<T>(on, shape, qkv.value().dense<T>(),
                     qk_bias.defined() ? qk_bias.value().pointer<Exact<T>>() : nullptr, table.pointer<float>(),
                     positions->on(table.device()), out.pointer<T>());
  });
  std::vector<Variable> inputs{qkv};
  if (qk_bias.defined()) inputs.push_back(qk_bias);
  const bool has_bias = qk_bias.defined();
  return make_result("rope", std::move(out), std::move(inputs),
                     [shape, table, positions, has_bias](const Tensor& dout, InputGradients& grads) {
                       Tensor dqkv = Tensor::empty(dout.shape(), dout.type());
                       Tensor dbias, shares;
                       if (has_bias && grads.needs(1)) {
                         dbias = grads.accumulator(1);
                         shares = Tensor::empty({kernels::rope_pieces, dbias.numel()}, dbias.type());
                       }
                       run_on(dout, [&]<typename T>(auto on) {
                         kernels::rope_backward<T>(
                             on, shape,
                             {dout.dense<T>(), table.pointer<float>(), positions->on(table.device()), dqkv.pointer<T>(),
                              dbias.defined() ? dbias.pointer<Exact<T>>() : nullptr,
                              shares.defined() ? shares.pointer<Exact<T>>() : nullptr});
                       });
                       grads.give(0, std::move(dqkv));
                     });
}

}  // namespace modr::ops

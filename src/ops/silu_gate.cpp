#include "ops/silu_gate.hpp"

#include "base/error.hpp"
#include "kernels/api/gated_mlp.hpp"

namespace modr::ops {

Variable silu_gate(const Variable& ab) {
  MODR_CHECK(ab.size(-1) % 2 == 0, "silu_gate of {}", ab.shape().to_string());
  const int64_t width = ab.size(-1) / 2, rows = width == 0 ? 0 : ab.value().numel() / (2 * width);
  Tensor out = Tensor::empty(ab.shape().with(-1, width), ab.dtype());
  visit_dtype(ab.dtype(), [&]<typename T>() {
    kernels::cpu::silu_gate(ab.value().span<T>().data(), rows, width, out.data<T>());
  });
  return make_result("silu_gate", std::move(out), {ab},
                     [ab = ab.value(), rows, width](const Tensor& dout, InputGradients& grads) {
                       Tensor dab = Tensor::empty(ab.shape(), ab.dtype());
                       visit_dtype(ab.dtype(), [&]<typename T>() {
                         kernels::cpu::silu_gate_backward(dout.span<T>().data(), ab.data<T>(), rows, width,
                                                          dab.data<T>());
                       });
                       grads.give(0, std::move(dab));
                     });
}

}  // namespace modr::ops

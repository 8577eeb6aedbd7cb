#include "ops/silu_gate.hpp"

#include "base/error.hpp"
#include "kernels/api/gated_mlp.hpp"

namespace modr::ops {

Variable silu_gate(const Variable& ab) {
  MODR_CHECK(ab.size(-1) % 2 == 0, "silu_gate of {}", ab.shape().to_string());
  const int64_t width = ab.size(-1) / 2, rows = width == 0 ? 0 : ab.value().numel() / (2 * width);
  Tensor out = Tensor::empty(ab.shape().with(-1, width), ab.type());
  run_on(ab,
         [&]<typename T>(auto on) { kernels::silu_gate(on, ab.value().dense<T>(), rows, width, out.pointer<T>()); });
  return make_result(
      "silu_gate", std::move(out), {ab}, [ab = ab.value(), rows, width](const Tensor& dout, InputGradients& grads) {
        Tensor dab = Tensor::empty(ab.shape(), ab.type());
        run_on(ab, [&]<typename T>(auto on) {
          kernels::silu_gate_backward(on, dout.dense<T>(), ab.pointer<T>(), rows, width, dab.pointer<T>());
        });
        grads.give(0, std::move(dab));
      });
}

}  // namespace modr::ops

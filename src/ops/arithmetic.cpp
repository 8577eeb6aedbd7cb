#include "ops/arithmetic.hpp"

#include "base/error.hpp"
#include "kernels/api/elementwise.hpp"

namespace modr::ops {

Variable add(const Variable& a, const Variable& b) {
  MODR_CHECK(a.shape() == b.shape(), "add of {} and {}", a.shape().to_string(), b.shape().to_string());
  Tensor out = Tensor::empty(a.shape(), a.type());
  run_on(a, [&]<typename T>(auto on) {
    kernels::add(on, a.value().dense<T>(), b.value().dense<T>(), out.numel(), out.pointer<T>());
  });
  return make_result("add", std::move(out), {a, b}, [](const Tensor& gradient, InputGradients& inputs) {
    inputs.give(0, gradient);
    inputs.give(1, gradient);
  });
}

}  // namespace modr::ops

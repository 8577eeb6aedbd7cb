#include "ops/rms_norm.hpp"

#include "base/error.hpp"
#include "kernels/api/rms_norm.hpp"

namespace modr::ops {

Variable rms_norm(const Variable& x, const Variable& weight, double eps) {
  const int64_t width = x.size(-1), rows = x.value().numel() / width;
  MODR_CHECK(weight.shape() == Shape{width}, "rms_norm of {} with weight {}", x.shape().to_string(),
             weight.shape().to_string());
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  Tensor inverse_rms = Tensor::empty({rows}, x.dtype());
  dispatch(x.dtype(), [&]<typename T>() {
    kernels::cpu::rms_norm(x.value().span<T>().data(), weight.value().span<T>().data(), static_cast<T>(eps), rows,
                           width, y.data<T>(), inverse_rms.data<T>());
  });
  return make_result(
      "rms_norm", std::move(y), {x, weight},
      [x = x.value(), weight = weight.value(), inverse_rms, rows, width](const Tensor& dy, InputGradients& grads) {
        Tensor dx, dweight;
        if (grads.needs(0)) dx = Tensor::empty(x.shape(), x.dtype());
        if (grads.needs(1)) dweight = grads.accumulator(1);
        dispatch(x.dtype(), [&]<typename T>() {
          kernels::cpu::rms_norm_backward<T>({dy.span<T>().data(), x.data<T>(), weight.data<T>(),
                                              inverse_rms.data<T>(), rows, width,
                                              dx.defined() ? dx.data<T>() : nullptr,
                                              dweight.defined() ? dweight.data<T>() : nullptr});
        });
        if (dx.defined()) grads.give(0, std::move(dx));
      });
}

}  // namespace modr::ops

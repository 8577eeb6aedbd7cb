#include "ops/rms_norm.hpp"

#include "base/error.hpp"
#include "kernels/api/rms_norm.hpp"

namespace modr::ops {

namespace {

// norm(x + residual), or of x alone where the residual is undefined.
struct Norm {
  Norm(const Variable& input, const Variable& added, const Variable& scale, double epsilon)
      : x(input.value()), residual(added.defined() ? added.value() : Tensor()), weight(scale.value()), eps(epsilon) {
    MODR_CHECK(weight.shape() == Shape{width()}, "rms_norm of {} with weight {}", x.shape().to_string(),
               weight.shape().to_string());
    MODR_CHECK(!residual.defined() || residual.shape() == x.shape(), "rms_norm of {} and {}", x.shape().to_string(),
               residual.shape().to_string());
    inverse_rms = Tensor::empty({x.numel() / width()}, exact(x.type()));
  }
  int64_t width() const { return x.size(-1); }
  int64_t rows() const { return inverse_rms.numel(); }

  Tensor x, residual, weight;
  double eps;
  Tensor inverse_rms;  // [rows], set by forward()
};

template <typename T>
T* data_or_null(const Tensor& tensor) {
  return tensor.defined() ? tensor.dense<T>() : nullptr;
}

Tensor forward(const Norm& n) {
  Tensor y = Tensor::empty(n.x.shape(), n.x.type());
  run_on(n.x, [&]<typename T>(auto on) {
    using E = Exact<T>;
    kernels::rms_norm<T>(on, {n.x.dense<T>(), data_or_null<T>(n.residual), n.weight.dense<E>(), static_cast<E>(n.eps),
                              n.rows(), n.width(), y.pointer<T>(), n.inverse_rms.pointer<E>()});
  });
  return y;
}

// The gradient of x + residual where wanted, and that of the weight into its accumulator where that is defined.
Tensor gradient(const Norm& n, const Tensor& dy, bool wanted, const Tensor& dweight) {
  Tensor dx, shares;
  if (wanted) dx = Tensor::empty(n.x.shape(), n.x.type());
  if (dweight.defined()) shares = Tensor::empty({kernels::rms_norm_pieces, n.width()}, dweight.type());
  run_on(n.x, [&]<typename T>(auto on) {
    using E = Exact<T>;
    kernels::rms_norm_backward<T>(on, {dy.dense<T>(), n.x.pointer<T>(), data_or_null<T>(n.residual),
                                       n.weight.pointer<E>(), n.inverse_rms.pointer<E>(), n.rows(), n.width(),
                                       data_or_null<T>(dx), data_or_null<E>(dweight), data_or_null<E>(shares)});
  });
  return dx;
}

}  // namespace

Variable rms_norm(const Variable& x, const Variable& weight, double eps) {
  const Norm n(x, {}, weight, eps);
  return make_result("rms_norm", forward(n), {x, weight}, [n](const Tensor& dy, InputGradients& grads) {
    Tensor dx = gradient(n, dy, grads.needs(0), grads.needs(1) ? grads.accumulator(1) : Tensor());
    if (dx.defined()) grads.give(0, std::move(dx));
  });
}

Variable add_rms_norm(const Variable& x, const Variable& residual, const Variable& weight, double eps) {
  const Norm n(x, residual, weight, eps);
  return make_result("add_rms_norm", forward(n), {x, residual, weight}, [n](const Tensor& dy, InputGradients& grads) {
    const bool wanted = grads.needs(0) || grads.needs(1);
    const Tensor dsum = gradient(n, dy, wanted, grads.needs(2) ? grads.accumulator(2) : Tensor());
    if (!wanted) return;
    grads.give(0, dsum);
    grads.give(1, dsum);
  });
}

}  // namespace modr::ops

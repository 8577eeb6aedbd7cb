#include "ops/exit_change.hpp"

#include "base/error.hpp"
#include "tensor/run_on.hpp"

namespace modr::ops {

double latent_change(const Tensor& x, const Tensor& before, bool cosine) {
  MODR_CHECK(x.rank() == 2 && x.shape() == before.shape() && x.dtype() == before.dtype(),
             "the change of {} {} to {} {}", name_of(before.dtype()), before.shape().to_string(), name_of(x.dtype()),
             x.shape().to_string());
  const Tensor value = Tensor::zeros({}, {DType::f64, x.device()});
  run_on(x, [&]<typename T>(auto on) {
    kernels::latent_change(on, x.dense<T>(), before.dense<T>(), x.size(0), x.size(1), cosine, value.pointer<double>());
  });
  return value.item();
}

double distribution_change(const Tensor& logits, DistributionChange what, const Tensor& before) {
  MODR_CHECK(logits.rank() == 1 && logits.shape() == before.shape(), "the change to {} logits from {}",
             logits.shape().to_string(), before.shape().to_string());
  const Tensor value = Tensor::zeros({}, {DType::f64, logits.device()});
  run_exactly_on(logits, [&]<typename T>(auto on) {
    kernels::distribution_change(on, logits.dense<T>(), logits.numel(), what, before.dense<double>(),
                                 value.pointer<double>());
  });
  before.changed();
  return value.item();
}

}  // namespace modr::ops

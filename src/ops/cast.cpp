#include "ops/cast.hpp"

namespace modr::ops {

Variable cast(const Variable& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  return make_result("cast", x.value().to(dtype), {x}, [from = x.dtype()](const Tensor& dy, InputGradients& grads) {
    grads.give(0, dy.to(from));
  });
}

}  // namespace modr::ops

#include "ops/linear.hpp"

#include "base/error.hpp"

namespace modr::ops {

Variable linear(const Variable& x, const Variable& weight, const PackedWeight& packed) {
  MODR_CHECK(weight.value().rank() == 2 && x.size(-1) == weight.size(1), "linear of {} with weight {}",
             x.shape().to_string(), weight.shape().to_string());
  return linear_columns(x, weight, 0, {}, packed);
}

Variable linear_columns(const Variable& x, const Variable& weight, int64_t first, const Variable& addend,
                        const PackedWeight& packed) {
  const int64_t in = x.size(-1);
  MODR_CHECK(weight.value().rank() == 2 && first >= 0 && first + in <= weight.size(1),
             "linear of {} with columns from {} of weight {}", x.shape().to_string(), first,
             weight.shape().to_string());
  const Tensor columns = weight.value().slice(1, first, first + in);
  const Shape shape = x.shape().with(-1, weight.size(0));
  Tensor y;
  if (addend.defined()) {
    MODR_CHECK(addend.shape() == shape, "linear adds {} to {}", addend.shape().to_string(), shape.to_string());
    y = addend.value().clone();
  } else {
    y = Tensor::empty(shape, x.dtype());
  }
  const PackedWeight here = packed.defined() ? packed : pack_weight(columns, x.dtype(), false);
  matmul_packed({x.value()}, here.forward, y, addend.defined());
  std::vector<Variable> inputs{x, weight};
  if (addend.defined()) inputs.push_back(addend);
  const bool has_addend = addend.defined();
  return make_result("linear", std::move(y), std::move(inputs),
                     [x = x.value(), columns, backward = packed.backward, first, in,
                      has_addend](const Tensor& dy, InputGradients& grads) {
                       if (grads.needs(0)) {
                         Tensor dx = Tensor::empty(x.shape(), x.dtype());
                         matmul_packed({dy}, backward.defined() ? backward : pack({columns}, x.dtype()), dx);
                         grads.give(0, std::move(dx));
                       }
                       if (grads.needs(1))
                         matmul({dy, true}, {x}, grads.accumulator(1).slice(1, first, first + in), 1, 1);
                       if (has_addend) grads.give(2, dy);
                     });
}

}  // namespace modr::ops

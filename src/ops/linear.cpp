#include "ops/linear.hpp"

#include "base/error.hpp"

namespace modr::ops {

namespace {

// dx and dW of y = x W^T, W being `columns` of a weight whose gradient has them from column `first`.
void product_backward(const Tensor& dy, const Tensor& x, const Tensor& columns, const Matrix& backward, int64_t first,
                      InputGradients& grads) {
  if (grads.needs(0)) {
    Tensor dx = Tensor::empty(x.shape(), x.type());
    matmul({dy}, packed_or(backward, {columns}, x.dtype()), dx);
    grads.give(0, std::move(dx));
  }
  if (grads.needs(1))
    matmul({dy, true}, {x}, grads.accumulator(1).slice(1, first, first + columns.size(1)), 1, 1);
}

}  // namespace

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
    y = Tensor::empty(shape, x.type());
  }
  matmul({x.value()}, packed_or(packed.forward, {columns, true}, x.dtype()), y, 1, addend.defined() ? 1 : 0);
  std::vector<Variable> inputs{x, weight};
  if (addend.defined()) inputs.push_back(addend);
  const bool has_addend = addend.defined();
  return make_result("linear", std::move(y), std::move(inputs),
                     [x = x.value(), columns, backward = packed.backward, first,
                      has_addend](const Tensor& dy, InputGradients& grads) {
                       product_backward(dy, x, columns, backward, first, grads);
                       if (has_addend) grads.give(2, dy);
                     });
}

Variable linear_exact(const Variable& x, const Variable& weight, const PackedWeight& packed) {
  if (x.dtype() == exact(x.dtype())) return linear(x, weight, packed);
  MODR_CHECK(weight.value().rank() == 2 && x.size(-1) == weight.size(1), "linear of {} with weight {}",
             x.shape().to_string(), weight.shape().to_string());
  Tensor y = Tensor::empty(x.shape().with(-1, weight.size(0)), exact(x.type()));
  matmul({x.value()}, packed_or(packed.forward, {weight.value(), true}, x.dtype()), y);
  return make_result("linear_exact", std::move(y), {x, weight},
                     [x = x.value(), weight = weight.value(), backward = packed.backward](const Tensor& dy,
                                                                                         InputGradients& grads) {
                       product_backward(dy.to(x.dtype()), x, weight, backward, 0, grads);
                     });
}

}  // namespace modr::ops

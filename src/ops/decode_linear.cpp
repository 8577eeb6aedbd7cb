#include "ops/decode_linear.hpp"

#include "base/error.hpp"
#include "kernels/api/decode_product.hpp"
#include "tensor/run_on.hpp"

namespace modr::ops {

namespace {

const float* weight_of(const Variable& norm, int64_t in) {
  if (!norm.defined()) return nullptr;
  MODR_CHECK(norm.shape() == Shape{in}, "rows of {} with a norm of {}", in, norm.shape().to_string());
  return norm.value().dense<float>();
}

bfloat16* rows_of(const Tensor& tensor, const Shape& shape) {
  MODR_CHECK(tensor.shape() == shape, "decode_linear of {} with {}", shape.to_string(), tensor.shape().to_string());
  return tensor.dense<bfloat16>();
}

}  // namespace

bool makes_rows(const Variable& x, int64_t in) {
  if (grad_enabled() || x.dtype() != DType::bf16 || x.device().is_meta() || x.value().rank() != 2) return false;
  return visit_place(x.device(), [&](auto on) { return kernels::makes_rows(on, x.size(0), in); });
}

Variable decode_linear(const MadeRows& r, const Tensor& weight) {
  const int64_t out = weight.size(0), in = weight.size(1), rows = r.x.size(0);
  MODR_CHECK(makes_rows(r.x, in), "decode_linear of {} and {}", r.x.shape().to_string(), weight.shape().to_string());
  const Shape shape{rows, in};
  kernels::MadeRows made{rows_of(r.x.value(), r.gate ? Shape{rows, 2 * in} : shape), r.gate};
  made.outer = weight_of(r.outer, in);
  if (r.outer.defined()) {
    made.residual = rows_of(r.residual.value(), shape);
    made.kept = rows_of(r.kept, shape);
  }
  made.norm = weight_of(r.norm, in);
  made.eps = static_cast<float>(r.eps);
  Tensor y = Tensor::empty({rows, out}, r.x.type());
  visit_place(y.device(), [&](auto on) {
    kernels::decode_product(on, made, {rows, out, in, in, out}, weight.packed_bytes(), y.pointer<bfloat16>());
  });
  return Variable(std::move(y));
}

}  // namespace modr::ops

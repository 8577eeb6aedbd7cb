#include "ops/combine.hpp"

#include "base/error.hpp"
#include "kernels/api/combine.hpp"

namespace modr::ops {

Variable combine(const Variable& passes, const Variable& gates, const Indices& position, Gate gate) {
  const int64_t units = gates.size(0), choices = gates.size(1), count = passes.size(0);
  MODR_CHECK(count == units * choices && static_cast<int64_t>(position->size()) == count,
             "combine of {} passes at {} positions with gates {}", count, position->size(), gates.shape().to_string());
  for (int32_t at : *position) MODR_CHECK(at >= 0 && at < count, "pass {} of {}", at, count);
  const int64_t block = count == 0 ? 0 : passes.value().numel() / count;
  const kernels::cpu::CombineShape shape{units, choices, block, position->data()};
  const bool constant = gate == Gate::straight_through;
  Tensor out = Tensor::empty(passes.shape().with(0, units), passes.dtype());
  dispatch(passes.dtype(), [&]<typename T>() {
    kernels::cpu::combine(shape, constant, passes.value().span<T>().data(), gates.value().span<Exact<T>>().data(),
                          out.data<T>());
  });
  return make_result(
      "combine", std::move(out), {passes, gates},
      [shape, position, constant, passes = passes.value(), gates = gates.value()](const Tensor& dout,
                                                                                  InputGradients& grads) {
        Tensor dpasses, dgates;
        if (grads.needs(0)) dpasses = Tensor::empty(passes.shape(), passes.dtype());
        if (grads.needs(1)) dgates = Tensor::empty(gates.shape(), gates.dtype());
        dispatch(passes.dtype(), [&]<typename T>() {
          kernels::cpu::combine_backward<T>({shape, constant, dout.span<T>().data(), passes.data<T>(),
                                             gates.data<Exact<T>>(), dpasses.defined() ? dpasses.data<T>() : nullptr,
                                             dgates.defined() ? dgates.data<Exact<T>>() : nullptr});
        });
        if (dpasses.defined()) grads.give(0, std::move(dpasses));
        if (dgates.defined()) grads.give(1, std::move(dgates));
      });
}

}  // namespace modr::ops

#include "ops/combine.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "kernels/api/combine.hpp"

namespace modr::ops {

namespace {

// The shape looks into `where` on the passes' device, which must live as long.
kernels::CombineShape shape_of(const Variable& passes, const Variable& gates, const PassRows& where) {
  const int64_t units = gates.size(0), choices = gates.size(1), rows = passes.size(0);
  const std::vector<int64_t>&of_units = where.units->values(), &of_passes = where.passes->values();
  MODR_CHECK(std::ssize(where.position->values()) == units * choices && std::ssize(of_units) == units + 1 &&
                 std::ssize(of_passes) == units * choices + 1 && of_passes.back() == rows &&
                 std::is_sorted(of_units.begin(), of_units.end()),
             "combine of {} rows, {} positions of {} passes in {} units with gates {}", rows, where.position->size(),
             of_passes.size() - 1, of_units.size() - 1, gates.shape().to_string());
  for (std::size_t i = 0; i < where.position->size(); ++i) {
    const int32_t at = (*where.position)[i];
    MODR_CHECK(at >= 0 && at < units * choices, "pass {} of {}", at, units * choices);
    const auto pass = static_cast<std::size_t>(at), unit = i / static_cast<std::size_t>(choices);
    MODR_CHECK(of_passes[pass + 1] - of_passes[pass] == of_units[unit + 1] - of_units[unit],
               "pass {} of {} rows for unit {} of {}", pass, of_passes[pass + 1] - of_passes[pass], unit,
               of_units[unit + 1] - of_units[unit]);
  }
  const int64_t width = rows == 0 ? 0 : passes.value().numel() / rows;
  const Device device = passes.device();
  return {units,
          choices,
          width,
          of_units.back(),
          where.position->on(device),
          where.units->on(device),
          where.passes->on(device)};
}

}  // namespace

Variable combine(const Variable& passes, const Variable& gates, const PassRows& where, Gate gate) {
  const kernels::CombineShape shape = shape_of(passes, gates, where);
  const bool constant = gate == Gate::straight_through;
  Tensor out = Tensor::empty(passes.shape().with(0, where.units->back()), passes.type());
  run_on(passes, [&]<typename T>(auto on) {
    kernels::combine(on, shape, constant, passes.value().dense<T>(), gates.value().dense<Exact<T>>(), out.pointer<T>());
  });
  return make_result(
      "combine", std::move(out), {passes, gates},
      [shape, where, constant, passes = passes.value(), gates = gates.value()](const Tensor& dout,
                                                                               InputGradients& grads) {
        Tensor dpasses, dgates;
        if (grads.needs(0)) dpasses = Tensor::empty(passes.shape(), passes.type());
        if (grads.needs(1)) dgates = Tensor::empty(gates.shape(), gates.type());
        run_on(passes, [&]<typename T>(auto on) {
          kernels::combine_backward<T>(
              on, {shape, constant, dout.dense<T>(), passes.pointer<T>(), gates.pointer<Exact<T>>(),
                   dpasses.defined() ? dpasses.pointer<T>() : nullptr,
                   dgates.defined() ? dgates.pointer<Exact<T>>() : nullptr});
        });
        if (dpasses.defined()) grads.give(0, std::move(dpasses));
        if (dgates.defined()) grads.give(1, std::move(dgates));
      });
}

}  // namespace modr::ops

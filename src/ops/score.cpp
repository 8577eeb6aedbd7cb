#include "ops/score.hpp"

#include <algorithm>
#include <ranges>

#include "base/error.hpp"
#include "kernels/api/elementwise.hpp"
#include "kernels/api/rows.hpp"
#include "kernels/api/softmax.hpp"

namespace modr::ops {

Variable masked_mean(const Variable& x, const Offsets& groups, const RowMask& mask) {
  const int64_t width = x.size(-1), rows = x.value().numel() / width, count = std::ssize(*groups) - 1;
  MODR_CHECK(groups->front() == 0 && groups->back() == rows && std::is_sorted(groups->begin(), groups->end()),
             "{} rows in groups that do not cover them in order", rows);
  MODR_CHECK(!mask || std::ssize(*mask) == rows, "a mask of {} for {} rows", mask->size(), rows);
  for (int64_t group = 0; group < count; ++group) {
    const int64_t first = (*groups)[static_cast<std::size_t>(group)];
    const int64_t last = (*groups)[static_cast<std::size_t>(group) + 1];
    const auto is_real = [&](int64_t row) { return !mask || (*mask)[static_cast<std::size_t>(row)] != 0; };
    const auto rows_of_group = std::views::iota(first, last);
    if (std::ranges::none_of(rows_of_group, is_real)) fail("sequence {} of the batch holds nothing but padding", group);
  }
  Tensor out = Tensor::empty({count, width}, exact(x.dtype()));
  visit_dtype(x.dtype(), [&]<typename T>() {
    kernels::cpu::masked_mean(x.value().span<T>().data(), mask ? mask->data() : nullptr, count, groups->data(), width,
                              out.data<Exact<T>>());
  });
  return make_result(
      "masked_mean", std::move(out), {x},
      [shape = x.shape(), dtype = x.dtype(), mask, groups, count, width](const Tensor& dy, InputGradients& grads) {
        Tensor dx = Tensor::empty(shape, dtype);
        visit_dtype(dtype, [&]<typename T>() {
          kernels::cpu::masked_mean_backward(dy.span<Exact<T>>().data(), mask ? mask->data() : nullptr, count,
                                             groups->data(), width, dx.data<T>());
        });
        grads.give(0, std::move(dx));
      });
}

Variable sigmoid(const Variable& x) {
  const Tensor y = Tensor::empty(x.shape(), x.dtype());
  visit_exact_dtype(x.dtype(),
                    [&]<typename T>() { kernels::cpu::sigmoid(x.value().span<T>().data(), y.numel(), y.data<T>()); });
  return make_result("sigmoid", y, {x}, [y](const Tensor& dy, InputGradients& grads) {
    Tensor dx = Tensor::empty(y.shape(), y.dtype());
    visit_exact_dtype(y.dtype(), [&]<typename T>() {
      std::transform(y.data<T>(), y.data<T>() + y.numel(), dy.span<T>().data(), dx.data<T>(),
                     [](T value, T gradient) { return gradient * value * (T{1} - value); });
    });
    grads.give(0, std::move(dx));
  });
}

Variable softmax(const Variable& x) {
  const int64_t width = x.size(-1), rows = x.value().numel() / width;
  const Tensor y = Tensor::empty(x.shape(), x.dtype());
  visit_exact_dtype(x.dtype(),
                    [&]<typename T>() { kernels::cpu::softmax(x.value().span<T>().data(), rows, width, y.data<T>()); });
  return make_result("softmax", y, {x}, [y, rows, width](const Tensor& dy, InputGradients& grads) {
    Tensor dx = Tensor::empty(y.shape(), y.dtype());
    visit_exact_dtype(y.dtype(), [&]<typename T>() {
      kernels::cpu::softmax_backward(dy.span<T>().data(), y.data<T>(), rows, width, dx.data<T>());
    });
    grads.give(0, std::move(dx));
  });
}

Variable gather_columns(const Variable& x, const Indices& columns, int64_t choices) {
  const int64_t rows = x.size(0), width = x.size(1);
  MODR_CHECK(static_cast<int64_t>(columns->size()) == rows * choices, "{} columns for {} rows of {} choices",
             columns->size(), rows, choices);
  for (int32_t column : *columns) MODR_CHECK(column >= 0 && column < width, "column {} of {}", column, width);
  Tensor out = Tensor::empty({rows, choices}, x.dtype());
  visit_exact_dtype(x.dtype(), [&]<typename T>() {
    for (int64_t i = 0; i < rows * choices; ++i)
      out.data<T>()[i] = x.value().data<T>()[i / choices * width + (*columns)[static_cast<std::size_t>(i)]];
  });
  return make_result("gather_columns", std::move(out), {x},
                     [shape = x.shape(), columns, rows, choices, width](const Tensor& dy, InputGradients& grads) {
                       Tensor dx = Tensor::zeros(shape, dy.dtype());
                       visit_exact_dtype(dy.dtype(), [&]<typename T>() {
                         for (int64_t i = 0; i < rows * choices; ++i)
                           dx.data<T>()[i / choices * width + (*columns)[static_cast<std::size_t>(i)]] +=
                               dy.data<T>()[i];
                       });
                       grads.give(0, std::move(dx));
                     });
}

}  // namespace modr::ops

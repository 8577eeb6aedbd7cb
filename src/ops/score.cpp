#include "ops/score.hpp"

#include <algorithm>
#include <ranges>

#include "base/error.hpp"
#include "kernels/api/choice.hpp"
#include "kernels/api/elementwise.hpp"
#include "kernels/api/rows.hpp"
#include "kernels/api/softmax.hpp"

namespace modr::ops {

Variable masked_mean(const Variable& x, const Offsets& groups, const RowMask& mask) {
  const int64_t width = x.size(-1), rows = x.value().numel() / width, count = std::ssize(groups->values()) - 1;
  MODR_CHECK(groups->front() == 0 && groups->back() == rows && std::is_sorted(groups->begin(), groups->end()),
             "{} rows in groups that do not cover them in order", rows);
  MODR_CHECK(!mask || std::ssize(mask->values()) == rows, "a mask of {} for {} rows", mask->size(), rows);
  for (int64_t group = 0; group < count; ++group) {
    const int64_t first = (*groups)[static_cast<std::size_t>(group)];
    const int64_t last = (*groups)[static_cast<std::size_t>(group) + 1];
    const auto is_real = [&](int64_t row) { return !mask || (*mask)[static_cast<std::size_t>(row)] != 0; };
    const auto rows_of_group = std::views::iota(first, last);
    if (std::ranges::none_of(rows_of_group, is_real)) fail("sequence {} of the batch holds nothing but padding", group);
  }
  Tensor out = Tensor::empty({count, width}, exact(x.type()));
  run_on(x, [&]<typename T>(auto on) {
    kernels::masked_mean(on, x.value().dense<T>(), mask ? mask->on(x.device()) : nullptr, count, groups->on(x.device()),
                         width, out.pointer<Exact<T>>());
  });
  return make_result(
      "masked_mean", std::move(out), {x},
      [shape = x.shape(), type = x.type(), mask, groups, count, width](const Tensor& dy, InputGradients& grads) {
        Tensor dx = Tensor::empty(shape, type);
        run_on(dx, [&]<typename T>(auto on) {
          kernels::masked_mean_backward(on, dy.dense<Exact<T>>(), mask ? mask->on(dx.device()) : nullptr, count,
                                        groups->on(dx.device()), width, dx.pointer<T>());
        });
        grads.give(0, std::move(dx));
      });
}

Variable sigmoid(const Variable& x) {
  const Tensor y = Tensor::empty(x.shape(), x.type());
  run_exactly_on(x,
                 [&]<typename T>(auto on) { kernels::sigmoid(on, x.value().dense<T>(), y.numel(), y.pointer<T>()); });
  return make_result("sigmoid", y, {x}, [y](const Tensor& dy, InputGradients& grads) {
    Tensor dx = Tensor::empty(y.shape(), y.type());
    run_exactly_on(y, [&]<typename T>(auto on) {
      kernels::sigmoid_backward(on, dy.dense<T>(), y.pointer<T>(), y.numel(), dx.pointer<T>());
    });
    grads.give(0, std::move(dx));
  });
}

Variable softmax(const Variable& x) {
  const int64_t width = x.size(-1), rows = x.value().numel() / width;
  const Tensor y = Tensor::empty(x.shape(), x.type());
  run_exactly_on(x,
                 [&]<typename T>(auto on) { kernels::softmax(on, x.value().dense<T>(), rows, width, y.pointer<T>()); });
  return make_result("softmax", y, {x}, [y, rows, width](const Tensor& dy, InputGradients& grads) {
    Tensor dx = Tensor::empty(y.shape(), y.type());
    run_exactly_on(y, [&]<typename T>(auto on) {
      kernels::softmax_backward(on, dy.dense<T>(), y.pointer<T>(), rows, width, dx.pointer<T>());
    });
    grads.give(0, std::move(dx));
  });
}

Variable gather_columns(const Variable& x, const Indices& columns, int64_t choices) {
  const int64_t rows = x.size(0), width = x.size(1);
  MODR_CHECK(std::ssize(columns->values()) == rows * choices, "{} columns for {} rows of {} choices", columns->size(),
             rows, choices);
  for (int32_t column : *columns) MODR_CHECK(column >= 0 && column < width, "column {} of {}", column, width);
  Tensor out = Tensor::empty({rows, choices}, x.type());
  run_exactly_on(x, [&]<typename T>(auto on) {
    kernels::gather_columns(on, x.value().dense<T>(), columns->on(x.device()), rows, choices, width, out.pointer<T>());
  });
  return make_result("gather_columns", std::move(out), {x},
                     [shape = x.shape(), columns, rows, choices, width](const Tensor& dy, InputGradients& grads) {
                       Tensor dx = Tensor::empty(shape, dy.type());
                       run_exactly_on(dy, [&]<typename T>(auto on) {
                         kernels::gather_columns_backward(on, dy.dense<T>(), columns->on(dy.device()), rows, choices,
                                                          width, dx.pointer<T>());
                       });
                       grads.give(0, std::move(dx));
                     });
}

std::vector<int32_t> largest_columns(const Tensor& scores, const Tensor& bias, int64_t count) {
  const int64_t rows = scores.size(0), width = scores.size(1);
  MODR_CHECK(bias.shape() == Shape{width} && count <= width, "the {} largest of {} with a bias of {}", count,
             scores.shape().to_string(), bias.shape().to_string());
  DeviceBuffer<int32_t> columns(rows * count, scores.device());
  run_exactly_on(scores, [&]<typename T>(auto on) {
    kernels::largest_columns(on, scores.dense<T>(), bias.dense<T>(), rows, width, count, columns.data());
  });
  return columns.to_host();
}

std::vector<double> log_probabilities(const Tensor& logits, const Indices& rows, const Indices& columns) {
  const int64_t vocab = logits.size(1), count = std::ssize(rows->values());
  MODR_CHECK(std::ssize(columns->values()) == count, "{} columns for {} rows", columns->size(), count);
  for (int32_t row : *rows) MODR_CHECK(row >= 0 && row < logits.size(0), "row {} of {}", row, logits.size(0));
  for (int32_t column : *columns) MODR_CHECK(column >= 0 && column < vocab, "column {} of {}", column, vocab);
  DeviceBuffer<double> values(count, logits.device());
  run_exactly_on(logits, [&]<typename T>(auto on) {
    kernels::log_probabilities(on, logits.dense<T>(), vocab, rows->on(logits.device()), columns->on(logits.device()),
                               count, values.data());
  });
  return values.to_host();
}

std::vector<int32_t> argmax(const Tensor& x) {
  DeviceBuffer<int32_t> columns(x.size(0), x.device());
  run_exactly_on(x,
                 [&]<typename T>(auto on) { kernels::argmax(on, x.dense<T>(), x.size(0), x.size(1), columns.data()); });
  return columns.to_host();
}

}  // namespace modr::ops

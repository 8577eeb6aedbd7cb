#include "ops/linear_cross_entropy.hpp"

#include <algorithm>
#include <numeric>

#include "base/error.hpp"
#include "kernels/api/rows.hpp"
#include "kernels/api/softmax.hpp"
#include "ops/cross_entropy.hpp"
#include "ops/embedding.hpp"
#include "ops/matmul.hpp"

namespace modr::ops {

namespace {

// Logits of as many rows as this at once, for the caches' sake ...
constexpr int64_t max_logit_bytes = int64_t{16} << 20;
// ... but of at least as many rows as it takes to make reading a large head worth while.
constexpr int64_t min_chunk_rows = 256;

// The rows that have a label; `rows` says which they are, null: all.
struct Labelled {
  Tensor features;
  std::vector<int32_t> labels;
  Indices rows;
};

Labelled labelled_rows(const Variable& features, const Indices& labels) {
  Labelled result;
  std::vector<int32_t> rows;
  for (std::size_t row = 0; row < labels->size(); ++row)
    if ((*labels)[row] != ignored_label) {
      rows.push_back(static_cast<int32_t>(row));
      result.labels.push_back((*labels)[row]);
    }
  if (rows.size() == labels->size()) {
    result.features = features.value().contiguous();
  } else {
    result.rows = make_indices(std::move(rows));
    result.features = gather_rows(features.detach(), result.rows).value();
  }
  return result;
}

// Gradients with respect to the loss; undefined where not wanted.
struct Gradients {
  Tensor features;  // [rows with a label, width]
  Tensor head;      // [vocab, width]
};

// Room for the logits of one chunk and their gradient, which is of the features' dtype.
struct Room {
  Room(int64_t rows, int64_t vocab, DType dtype)
      : logits(Tensor::empty({rows, vocab}, exact(dtype))),
        dlogits(dtype == exact(dtype) ? logits : Tensor::empty({rows, vocab}, dtype)),
        losses(Tensor::empty({rows}, DType::f64)) {}
  Tensor logits, dlogits, losses;
};

// The summed loss of rows [begin, end), without the weight; `head` is of the features' dtype.
double run_chunk(const Labelled& all, int64_t begin, int64_t end, const Tensor& head, double weight, const Room& room,
                 const Gradients& gradients) {
  const int64_t rows = end - begin;
  const Tensor x = all.features.slice(0, begin, end), logits = room.logits.slice(0, 0, rows);
  const Tensor dlogits = room.dlogits.slice(0, 0, rows), losses = room.losses.slice(0, 0, rows);
  const bool wanted = gradients.features.defined() || gradients.head.defined();
  matmul({x}, Matrix{head, true}, logits);
  visit_dtype(x.dtype(), [&]<typename T>() {
    kernels::cpu::cross_entropy_and_gradient<T>({logits.data<Exact<T>>(), all.labels.data() + begin, rows,
                                                 head.size(0), static_cast<Exact<T>>(weight), losses.data<double>(),
                                                 wanted ? dlogits.data<T>() : nullptr});
  });
  if (gradients.features.defined()) matmul({dlogits}, Matrix{head}, gradients.features.slice(0, begin, end));
  if (gradients.head.defined()) matmul({dlogits, true}, Matrix{x}, gradients.head, 1, begin == 0 ? 0 : 1);
  const auto each = losses.span<double>();
  return std::accumulate(each.begin(), each.end(), 0.0);
}

// The gradient of all rows, zeros where there is no label.
Tensor spread(const Tensor& gradient, const Indices& rows, const Shape& shape) {
  if (rows == nullptr) return gradient;
  const Tensor all = Tensor::zeros(shape, gradient.dtype());
  visit_dtype(gradient.dtype(), [&]<typename T>() {
    kernels::cpu::scatter_add_rows(gradient.data<T>(), rows->data(), gradient.size(0), gradient.size(1), Exact<T>{1},
                                   all.data<T>());
  });
  return all;
}

}  // namespace

int64_t rows_of_chunk(int64_t rows, int64_t vocab, DType dtype) {
  const int64_t row_bytes = vocab * static_cast<int64_t>(size_of(dtype));
  return std::min(std::max(max_logit_bytes / row_bytes, min_chunk_rows), rows);
}

Variable linear_cross_entropy(const Variable& features, const Variable& head, const Indices& labels, double weight) {
  MODR_CHECK(features.value().rank() == 2 && head.value().rank() == 2 && features.size(1) == head.size(1) &&
                 head.dtype() == exact(features.dtype()),
             "linear_cross_entropy of {} {} with head {} {}", name_of(features.dtype()), features.shape().to_string(),
             name_of(head.dtype()), head.shape().to_string());
  const int64_t vocab = head.size(0);
  check_labels(labels, features.size(0), vocab);
  const Labelled all = labelled_rows(features, labels);
  const int64_t rows = all.features.size(0), chunk = rows_of_chunk(rows, vocab, head.dtype());
  Gradients gradients;
  double sum = 0;
  if (rows > 0) {
    if (grad_enabled() && features.requires_grad())
      gradients.features = Tensor::empty(all.features.shape(), features.dtype());
    if (grad_enabled() && head.requires_grad()) gradients.head = Tensor::empty(head.shape(), head.dtype());
    const Tensor weights = head.value().to(features.dtype());
    const Room room(chunk, vocab, features.dtype());
    for (int64_t begin = 0; begin < rows; begin += chunk)
      sum += run_chunk(all, begin, std::min(begin + chunk, rows), weights, weight, room, gradients);
  }
  return make_result("linear_cross_entropy", Tensor::scalar(weight * sum, head.dtype()), {features, head},
                     [gradients, which = all.rows, shape = features.shape()](const Tensor& dy, InputGradients& grads) {
                       const double factor = dy.item();
                       for (const Tensor& gradient : {gradients.features, gradients.head})
                         if (gradient.defined() && factor != 1) gradient.scale(factor);
                       if (gradients.features.defined()) grads.give(0, spread(gradients.features, which, shape));
                       else if (grads.needs(0)) grads.accumulator(0);
                       if (gradients.head.defined()) grads.give(1, gradients.head);
                       else if (grads.needs(1)) grads.accumulator(1);
                     });
}

}  // namespace modr::ops

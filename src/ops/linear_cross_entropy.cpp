#include "ops/linear_cross_entropy.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "kernels/api/elementwise.hpp"
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
  Indices labels, rows;
};

Labelled labelled_rows(const Variable& features, const Indices& labels) {
  Labelled result;
  std::vector<int32_t> rows, kept;
  for (std::size_t row = 0; row < labels->size(); ++row)
    if ((*labels)[row] != ignored_label) {
      rows.push_back(static_cast<int32_t>(row));
      kept.push_back((*labels)[row]);
    }
  result.labels = make_indices(std::move(kept));
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

// The head for products with and without its transpose: as rows where it trains, since it serves this pass alone.
PackedWeight for_products(const Tensor& head, DType dtype, bool with_backward) {
  if (head.is_packed()) return pack_weight(head, dtype, with_backward);
  const Tensor rows = head.to(dtype);
  return {{rows, true}, {rows}};
}

// Room for the logits of one chunk and their gradient, which is of the features' dtype.
struct Room {
  Room(int64_t rows, int64_t vocab, TensorType type)
      : logits(Tensor::empty({rows, vocab}, exact(type))),
        dlogits(type.dtype == exact(type.dtype) ? logits : Tensor::empty({rows, vocab}, type)),
        losses(Tensor::empty({rows}, {DType::f64, type.device})) {}
  Tensor logits, dlogits, losses;
};

// sum += the loss of rows [begin, end), without the weight; `head` is for products of the features' dtype.
void run_chunk(const Labelled& all, int64_t begin, int64_t end, const PackedWeight& head, double weight,
               const Room& room, const Gradients& gradients, const Tensor& sum) {
  const int64_t rows = end - begin;
  const Tensor x = all.features.slice(0, begin, end), logits = room.logits.slice(0, 0, rows);
  const Tensor dlogits = room.dlogits.slice(0, 0, rows), losses = room.losses.slice(0, 0, rows);
  const bool wanted = gradients.features.defined() || gradients.head.defined();
  matmul({x}, head.forward, logits);
  run_on(x, [&]<typename T>(auto on) {
    kernels::cross_entropy_and_gradient<T>(
        on, {logits.pointer<Exact<T>>(), all.labels->on(x.device()) + begin, rows, logits.size(1),
             static_cast<Exact<T>>(weight), losses.pointer<double>(), wanted ? dlogits.pointer<T>() : nullptr});
  });
  if (gradients.features.defined()) matmul({dlogits}, head.backward, gradients.features.slice(0, begin, end));
  if (gradients.head.defined()) matmul({dlogits, true}, Matrix{x}, gradients.head, 1, begin == 0 ? 0 : 1);
  const Tensor of_chunk = Tensor::zeros({}, losses.type());
  run_on(losses, [&]<typename T>(auto on) {
    kernels::add_up(on, losses.pointer<double>(), rows, of_chunk.pointer<double>());
  });
  sum.add(of_chunk);
}

// gradient *= factor, a scalar of an exact type.
void scale_by(const Tensor& gradient, const Tensor& factor) {
  run_on(gradient, [&]<typename T>(auto on) {
    kernels::scale_by(on, factor.pointer<Exact<T>>(), gradient.numel(), gradient.dense<T>());
  });
}

// The gradient of all rows, zeros where there is no label.
Tensor spread(const Tensor& gradient, const Indices& rows, const Shape& shape) {
  if (rows == nullptr) return gradient;
  const Tensor all = Tensor::zeros(shape, gradient.type());
  run_on(gradient, [&]<typename T>(auto on) {
    kernels::scatter_add_rows(on, gradient.pointer<T>(), rows->on(gradient.device()), gradient.size(0),
                              gradient.size(1), Exact<T>{1}, all.pointer<T>());
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
                 (head.dtype() == exact(features.dtype()) || head.dtype() == features.dtype()),
             "linear_cross_entropy of {} {} with head {} {}", name_of(features.dtype()), features.shape().to_string(),
             name_of(head.dtype()), head.shape().to_string());
  const int64_t vocab = head.size(0);
  check_labels(labels, features.size(0), vocab);
  const Labelled all = labelled_rows(features, labels);
  const int64_t rows = all.features.size(0), chunk = rows_of_chunk(rows, vocab, exact(features.dtype()));
  Gradients gradients;
  const Tensor sum = Tensor::zeros({}, {DType::f64, features.device()});
  if (rows > 0) {
    if (grad_enabled() && features.requires_grad())
      gradients.features = Tensor::empty(all.features.shape(), features.type());
    if (grad_enabled() && head.requires_grad()) gradients.head = Tensor::empty(head.shape(), head.type());
    const PackedWeight weights = for_products(head.value(), features.dtype(), gradients.features.defined());
    const Room room(chunk, vocab, features.type());
    for (int64_t begin = 0; begin < rows; begin += chunk)
      run_chunk(all, begin, std::min(begin + chunk, rows), weights, weight, room, gradients, sum);
  }
  sum.scale(weight);
  return make_result("linear_cross_entropy", sum.to(exact(features.dtype())), {features, head},
                     [gradients, which = all.rows, shape = features.shape()](const Tensor& dy, InputGradients& grads) {
                       for (const Tensor& gradient : {gradients.features, gradients.head})
                         if (gradient.defined()) scale_by(gradient, dy);
                       if (gradients.features.defined())
                         grads.give(0, spread(gradients.features, which, shape));
                       else if (grads.needs(0))
                         grads.accumulator(0);
                       if (gradients.head.defined())
                         grads.give(1, gradients.head);
                       else if (grads.needs(1))
                         grads.accumulator(1);
                     });
}

}  // namespace modr::ops

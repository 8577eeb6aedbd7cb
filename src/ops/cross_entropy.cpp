#include "ops/cross_entropy.hpp"

#include "base/error.hpp"
#include "kernels/api/softmax.hpp"

namespace modr::ops {

namespace {

template <typename T>
kernels::CrossEntropy<T> arguments(const Tensor& logits, const Indices& labels, const Tensor& log_sum_exp) {
  return {logits.pointer<T>(), labels->on(logits.device()), logits.size(0), logits.size(1),
          ignored_label,       log_sum_exp.pointer<T>()};
}

}  // namespace

void check_labels(const Indices& labels, int64_t rows, int64_t vocab) {
  MODR_CHECK(std::ssize(labels->values()) == rows, "{} labels for {} rows", labels->size(), rows);
  for (int32_t label : *labels)
    if (label != ignored_label && (label < 0 || label >= vocab))
      fail("label {} is outside the vocabulary of {}", label, vocab);
}

Variable cross_entropy(const Variable& logits, const Indices& labels, double weight) {
  check_labels(labels, logits.size(0), logits.size(1));
  const Tensor log_sum_exp = Tensor::empty({logits.size(0)}, logits.type());
  const Tensor sum = Tensor::zeros({}, {DType::f64, logits.device()}), rows = logits.value().contiguous();
  run_exactly_on(logits, [&]<typename T>(auto on) {
    kernels::cross_entropy(on, arguments<T>(rows, labels, log_sum_exp), sum.pointer<double>());
  });
  sum.scale(weight);
  return make_result("cross_entropy", sum.to(logits.dtype()), {logits},
                     [rows, labels, log_sum_exp, weight](const Tensor& dy, InputGradients& grads) {
                       Tensor dlogits = Tensor::empty(rows.shape(), rows.type());
                       run_exactly_on(rows, [&]<typename T>(auto on) {
                         kernels::cross_entropy_backward(on, arguments<T>(rows, labels, log_sum_exp), weight,
                                                         dy.pointer<T>(), dlogits.pointer<T>());
                       });
                       grads.give(0, std::move(dlogits));
                     });
}

}  // namespace modr::ops

#include "ops/cross_entropy.hpp"

#include "base/error.hpp"
#include "kernels/api/softmax.hpp"

namespace modr::ops {

namespace {

template <typename T>
kernels::cpu::CrossEntropy<T> arguments(const Tensor& logits, const Indices& labels, const Tensor& log_sum_exp) {
  return {logits.data<T>(), labels->data(), logits.size(0), logits.size(1), ignored_label, log_sum_exp.data<T>()};
}

}  // namespace

void check_labels(const Indices& labels, int64_t rows, int64_t vocab) {
  MODR_CHECK(static_cast<int64_t>(labels->size()) == rows, "{} labels for {} rows", labels->size(), rows);
  for (int32_t label : *labels)
    if (label != ignored_label && (label < 0 || label >= vocab))
      fail("label {} is outside the vocabulary of {}", label, vocab);
}

Variable cross_entropy(const Variable& logits, const Indices& labels, double weight) {
  check_labels(labels, logits.size(0), logits.size(1));
  const Tensor log_sum_exp = Tensor::empty({logits.size(0)}, logits.dtype());
  const double sum = visit_exact_dtype(logits.dtype(), [&]<typename T>() {
    return kernels::cpu::cross_entropy(arguments<T>(logits.value().contiguous(), labels, log_sum_exp));
  });
  return make_result("cross_entropy", Tensor::scalar(weight * sum, logits.dtype()), {logits},
                     [logits = logits.value(), labels, log_sum_exp, weight](const Tensor& dy, InputGradients& grads) {
                       Tensor dlogits = Tensor::empty(logits.shape(), logits.dtype());
                       visit_exact_dtype(logits.dtype(), [&]<typename T>() {
                         kernels::cpu::cross_entropy_backward(arguments<T>(logits, labels, log_sum_exp),
                                                              static_cast<T>(weight * dy.item()), dlogits.data<T>());
                       });
                       grads.give(0, std::move(dlogits));
                     });
}

}  // namespace modr::ops

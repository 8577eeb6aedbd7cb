#include "tensor/random_fill.hpp"

#include "kernels/api/random.hpp"

namespace modr {

void fill_uniform(const Tensor& tensor, const PhiloxStream& stream, int64_t first, double bound) {
  visit_exact_dtype(tensor.dtype(), [&]<typename T>() {
    kernels::cpu::uniform(stream, first, bound, tensor.numel(), tensor.span<T>().data());
  });
  tensor.changed();
}

int64_t fill_truncated_normal(const Tensor& tensor, const PhiloxStream& stream, int64_t first, double std,
                              double limit) {
  const int64_t next = visit_exact_dtype(tensor.dtype(), [&]<typename T>() {
    return kernels::cpu::truncated_normal(stream, first, std, limit, tensor.numel(), tensor.span<T>().data());
  });
  tensor.changed();
  return next;
}

}  // namespace modr

#include "ops/embedding.hpp"

#include "base/error.hpp"
#include "kernels/api/rows.hpp"

namespace modr::ops {

namespace {

// Gathers rows of `width` values; the gradient is scattered back in row order.
Variable gather(const char* name, const Variable& table, const Indices& index, double factor) {
  const int64_t rows = table.size(0), width = rows == 0 ? 0 : table.value().numel() / rows;
  for (int32_t row : *index) MODR_CHECK(row >= 0 && row < rows, "{}: row {} of {}", name, row, rows);
  const auto count = static_cast<int64_t>(index->size());
  Tensor out = Tensor::empty(table.shape().with(0, count), table.dtype());
  dispatch(table.dtype(), [&]<typename T>() {
    kernels::cpu::gather_rows(table.value().span<T>().data(), index->data(), count, width, static_cast<T>(factor),
                              out.data<T>());
  });
  return make_result(name, std::move(out), {table},
                     [index, count, width, factor](const Tensor& dout, InputGradients& grads) {
                       const Tensor dtable = grads.accumulator(0);
                       dispatch(dout.dtype(), [&]<typename T>() {
                         kernels::cpu::scatter_add_rows(dout.span<T>().data(), index->data(), count, width,
                                                        static_cast<T>(factor), dtable.data<T>());
                       });
                     });
}

}  // namespace

Variable embedding(const Indices& ids, const Variable& table, double factor) {
  return gather("embedding", table, ids, factor);
}

Variable gather_rows(const Variable& x, const Indices& index) { return gather("gather_rows", x, index, 1); }

}  // namespace modr::ops

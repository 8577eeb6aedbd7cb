#include "ops/embedding.hpp"

#include "base/error.hpp"
#include "kernels/api/rows.hpp"

namespace modr::ops {

namespace {

// Rows of `table` and how they become rows of the result.
struct Gather {
  Indices index;
  int64_t count, width;
  double factor;
};

Gather prepare(const char* name, const Variable& table, const Indices& index, double factor) {
  const int64_t rows = table.size(0);
  for (int32_t row : *index) MODR_CHECK(row >= 0 && row < rows, "{}: row {} of {}", name, row, rows);
  return {index, static_cast<int64_t>(index->size()), rows == 0 ? 0 : table.value().numel() / rows, factor};
}

template <typename Table, typename T>
void forward(const Gather& g, const Tensor& table, const Tensor& out) {
  kernels::cpu::gather_rows(table.span<Table>().data(), g.index->data(), g.count, g.width,
                            static_cast<Exact<T>>(g.factor), out.data<T>());
}

// Adds the rows' gradients in their order.
template <typename Table, typename T>
void backward_of(const Gather& g, const Tensor& dout, const Tensor& dtable) {
  kernels::cpu::scatter_add_rows(dout.span<T>().data(), g.index->data(), g.count, g.width,
                                 static_cast<Exact<T>>(g.factor), dtable.data<Table>());
}

}  // namespace

Variable embedding(const Indices& ids, const Variable& table, double factor, DType dtype) {
  Gather g = prepare("embedding", table, ids, factor);
  Tensor out = Tensor::empty(table.shape().with(0, g.count), dtype);
  dispatch(dtype, [&]<typename T>() { forward<Exact<T>, T>(g, table.value(), out); });
  return make_result("embedding", std::move(out), {table},
                     [g = std::move(g)](const Tensor& dout, InputGradients& grads) {
                       const Tensor dtable = grads.accumulator(0);
                       dispatch(dout.dtype(), [&]<typename T>() { backward_of<Exact<T>, T>(g, dout, dtable); });
                     });
}

Variable gather_rows(const Variable& x, const Indices& index) {
  Gather g = prepare("gather_rows", x, index, 1);
  Tensor out = Tensor::empty(x.shape().with(0, g.count), x.dtype());
  dispatch(x.dtype(), [&]<typename T>() { forward<T, T>(g, x.value(), out); });
  return make_result("gather_rows", std::move(out), {x}, [g = std::move(g)](const Tensor& dout, InputGradients& grads) {
    const Tensor dx = grads.accumulator(0);
    dispatch(dout.dtype(), [&]<typename T>() { backward_of<T, T>(g, dout, dx); });
  });
}

}  // namespace modr::ops

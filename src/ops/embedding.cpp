#include "ops/embedding.hpp"

#include "base/error.hpp"
#include "kernels/api/packed_gemm.hpp"
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
void forward(auto on, const Gather& g, const Tensor& table, const Tensor& out) {
  kernels::gather_rows(on, table.dense<Table>(), g.index->on(out.device()), g.count, g.width,
                       static_cast<Exact<T>>(g.factor), out.pointer<T>());
}

// Adds the rows' gradients in their order.
template <typename Table, typename T>
void backward_of(auto on, const Gather& g, const Tensor& dout, const Tensor& dtable) {
  kernels::scatter_add_rows(on, dout.dense<T>(), g.index->on(dout.device()), g.count, g.width,
                            static_cast<Exact<T>>(g.factor), dtable.pointer<Table>());
}

void gather_packed(const Gather& g, const Tensor& table, const Tensor& out) {
  MODR_CHECK(out.dtype() == DType::bf16, "rows of {} from a packed table", name_of(out.dtype()));
  if (out.device().is_meta()) return;
  visit_place(out.device(), [&](auto on) {
    kernels::gather_packed_rows(on, table.size(1), table.size(0), table.packed_bytes(), g.index->on(out.device()),
                                g.count, static_cast<float>(g.factor), out.pointer<bfloat16>());
  });
}

// Where each row of the table went, when every row went to exactly one place; else null.
Indices inverse_of(const Indices& index, int64_t rows) {
  if (static_cast<int64_t>(index->size()) != rows) return nullptr;
  std::vector<int32_t> inverse(index->size(), -1);
  for (std::size_t i = 0; i < index->size(); ++i) {
    int32_t& place = inverse[static_cast<std::size_t>((*index)[i])];
    if (place >= 0) return nullptr;
    place = static_cast<int32_t>(i);
  }
  return make_indices(std::move(inverse));
}

}  // namespace

Variable embedding(const Indices& ids, const Variable& table, double factor, DType dtype) {
  Gather g = prepare("embedding", table, ids, factor);
  Tensor out = Tensor::empty(table.shape().with(0, g.count), {dtype, table.device()});
  if (table.value().is_packed()) {
    gather_packed(g, table.value(), out);
  } else {
    run_on(out, [&]<typename T>(auto on) {
      if (table.dtype() == dtype)
        forward<T, T>(on, g, table.value(), out);
      else
        forward<Exact<T>, T>(on, g, table.value(), out);
    });
  }
  return make_result("embedding", std::move(out), {table},
                     [g = std::move(g)](const Tensor& dout, InputGradients& grads) {
                       const Tensor dtable = grads.accumulator(0);
                       run_on(dout, [&]<typename T>(auto on) { backward_of<Exact<T>, T>(on, g, dout, dtable); });
                     });
}

// The gradient of a permutation is the inverse one; else rows are added up.
Variable gather_rows(const Variable& x, const Indices& index) {
  Gather g = prepare("gather_rows", x, index, 1);
  Tensor out = Tensor::empty(x.shape().with(0, g.count), x.type());
  run_on(x, [&]<typename T>(auto on) { forward<T, T>(on, g, x.value(), out); });
  const auto gradient = [g = std::move(g), rows = x.size(0)](const Tensor& dout, InputGradients& grads) {
    const Indices inverse = inverse_of(g.index, rows);
    const Tensor dx = inverse ? Tensor::empty(dout.shape(), dout.type()) : grads.accumulator(0);
    run_on(dout, [&]<typename T>(auto on) {
      if (inverse)
        forward<T, T>(on, {inverse, g.count, g.width, 1}, dout, dx);
      else
        backward_of<T, T>(on, g, dout, dx);
    });
    if (inverse) grads.give(0, dx);
  };
  return make_result("gather_rows", std::move(out), {x}, gradient);
}

}  // namespace modr::ops

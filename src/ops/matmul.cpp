#include "ops/matmul.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "kernels/api/gemm.hpp"

namespace modr::ops {

namespace {

struct Layout {
  int64_t rows, columns, stride;
};

Layout layout_of(const Tensor& tensor) {
  MODR_CHECK(tensor.rank() >= 1, "a matrix product of a scalar");
  const int64_t columns = tensor.size(-1);
  const bool sliced = tensor.rank() == 2 && tensor.strides()[1] == 1;
  MODR_CHECK(sliced || tensor.is_contiguous(), "a matrix product of strided {}", tensor.shape().to_string());
  int64_t rows = 1;
  for (int64_t dim = 0; dim + 1 < tensor.rank(); ++dim) rows *= tensor.size(dim);
  const int64_t stride = sliced && tensor.size(0) > 1 ? tensor.strides()[0] : columns;
  return {rows, columns, std::max<int64_t>(stride, 1)};
}

}  // namespace

void matmul(const Matrix& a, const Matrix& b, const Tensor& out, double alpha, double beta) {
  const Layout left = layout_of(a.tensor), right = layout_of(b.tensor), result = layout_of(out);
  kernels::cpu::GemmShape shape;
  shape.transpose_a = a.transposed;
  shape.transpose_b = b.transposed;
  shape.m = a.transposed ? left.columns : left.rows;
  shape.k = a.transposed ? left.rows : left.columns;
  shape.n = b.transposed ? right.rows : right.columns;
  const int64_t inner = b.transposed ? right.columns : right.rows;
  MODR_CHECK(shape.k == inner && result.rows == shape.m && result.columns == shape.n,
             "product of {}{} and {}{} into {}", a.tensor.shape().to_string(), a.transposed ? "^T" : "",
             b.tensor.shape().to_string(), b.transposed ? "^T" : "", out.shape().to_string());
  shape.lda = left.stride;
  shape.ldb = right.stride;
  shape.ldc = result.stride;
  dispatch(out.dtype(), [&]<typename T>() {
    kernels::cpu::gemm(shape, static_cast<T>(alpha), a.tensor.data<T>(), b.tensor.data<T>(), static_cast<T>(beta),
                       out.data<T>());
  });
}

}  // namespace modr::ops

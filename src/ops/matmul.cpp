#include "ops/matmul.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "kernels/api/gemm.hpp"
#include "kernels/api/packed_gemm.hpp"

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

Layout turned(const Matrix& matrix) {
  Layout layout = layout_of(matrix.tensor);
  if (matrix.transposed) std::swap(layout.rows, layout.columns);
  return layout;
}

void multiply(const kernels::cpu::GemmShape& shape, const Tensor& a, const Tensor& b, const Tensor& out, double alpha,
              double beta) {
  if (a.dtype() != DType::bf16) {
    visit_exact_dtype(out.dtype(), [&]<typename T>() {
      kernels::cpu::gemm(shape, static_cast<T>(alpha), a.data<T>(), b.data<T>(), static_cast<T>(beta), out.data<T>());
    });
    return;
  }
  MODR_CHECK(alpha == 1 && (beta == 0 || beta == 1), "a product of bf16 with factors {} and {}", alpha, beta);
  const auto *left = a.data<bfloat16>(), *right = b.data<bfloat16>();
  if (out.dtype() == DType::bf16) kernels::cpu::gemm_bf16(shape, left, right, beta == 1, out.data<bfloat16>());
  else kernels::cpu::gemm_bf16(shape, left, right, beta == 1, out.data<float>());
}

}  // namespace

void matmul(const Matrix& a, const Matrix& b, const Tensor& out, double alpha, double beta) {
  const Layout left = turned(a), right = turned(b), result = layout_of(out);
  MODR_CHECK(left.columns == right.rows && result.rows == left.rows && result.columns == right.columns,
             "product of {}{} and {}{} into {}", a.tensor.shape().to_string(), a.transposed ? "^T" : "",
             b.tensor.shape().to_string(), b.transposed ? "^T" : "", out.shape().to_string());
  multiply({a.transposed, b.transposed, left.rows, right.columns, left.columns, left.stride, right.stride,
            result.stride},
           a.tensor, b.tensor, out, alpha, beta);
}

PackedMatrix pack(const Matrix& matrix, DType dtype) {
  MODR_CHECK(matrix.tensor.dtype() == exact(dtype), "a matrix of {} packed for {}", name_of(matrix.tensor.dtype()),
             name_of(dtype));
  const Layout layout = turned(matrix);
  PackedMatrix packed{{}, {}, layout.rows, layout.columns};
  if (dtype != DType::bf16) {
    packed.plain = matrix;
    return packed;
  }
  const std::size_t bytes = kernels::cpu::packed_size<bfloat16>(packed.k, packed.n);
  packed.laid_out = Tensor::empty({static_cast<int64_t>(bytes / sizeof(bfloat16))}, DType::bf16);
  kernels::cpu::pack<bfloat16>(packed.k, packed.n, matrix.tensor.data<float>(), layout.stride, matrix.transposed,
                               reinterpret_cast<std::byte*>(packed.laid_out.data<bfloat16>()));
  return packed;
}

void matmul_packed(const Matrix& a, const PackedMatrix& b, const Tensor& out, bool accumulate) {
  if (!b.laid_out.defined()) return matmul(a, b.plain, out, 1, accumulate ? 1 : 0);
  const Layout left = turned(a), result = layout_of(out);
  MODR_CHECK(!a.transposed && left.columns == b.k && result.rows == left.rows && result.columns == b.n,
             "product of {}{} and a packed {} x {} into {}", a.tensor.shape().to_string(), a.transposed ? "^T" : "",
             b.k, b.n, out.shape().to_string());
  const kernels::cpu::PackedGemm shape{left.rows, b.n, b.k, left.stride, result.stride, accumulate};
  const auto* from = a.tensor.data<bfloat16>();
  const auto* packed = reinterpret_cast<const std::byte*>(b.laid_out.data<bfloat16>());
  if (out.dtype() == DType::bf16) kernels::cpu::packed_gemm(shape, from, packed, out.data<bfloat16>());
  else kernels::cpu::packed_gemm(shape, from, packed, out.data<float>());
}

PackedWeight pack_weight(const Tensor& weight, DType dtype, bool with_backward) {
  return {pack({weight, true}, dtype), with_backward ? pack({weight}, dtype) : PackedMatrix{}};
}

}  // namespace modr::ops

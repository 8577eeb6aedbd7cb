#include "ops/matmul.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "kernels/api/gemm.hpp"
#include "kernels/api/packed_gemm.hpp"
#include "tensor/run_on.hpp"

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

// Calls f<C>(on) with the type of a result of bf16 products, bf16 or float, where it is; nothing of meta.
template <typename F>
void visit_output(const Tensor& out, F f) {
  if (out.device().is_meta()) return;
  visit_place(out.device(), [&](auto on) {
    if (out.dtype() == DType::bf16)
      f.template operator()<bfloat16>(on);
    else
      f.template operator()<float>(on);
  });
}

void multiply(const kernels::GemmShape& shape, const Tensor& a, const Tensor& b, const Tensor& out, double alpha,
              double beta) {
  if (a.dtype() != DType::bf16) {
    run_exactly_on(out, [&]<typename T>(auto on) {
      kernels::gemm(on, shape, static_cast<T>(alpha), a.pointer<T>(), b.pointer<T>(), static_cast<T>(beta),
                    out.pointer<T>());
    });
    return;
  }
  MODR_CHECK(alpha == 1 && (beta == 0 || beta == 1), "a product of bf16 with factors {} and {}", alpha, beta);
  visit_output(out, [&]<typename C>(auto on) {
    kernels::gemm_bf16(on, shape, a.pointer<bfloat16>(), b.pointer<bfloat16>(), beta == 1, out.pointer<C>());
  });
}

// out = a b, or +=, of a packed b: [k, n], or [n, k] not transposed.
void multiply_packed(const Matrix& a, const Matrix& b, const Tensor& out, double alpha, double beta) {
  const int64_t n = b.tensor.size(0), k = b.tensor.size(1);
  const Layout left = turned(a), result = layout_of(out);
  MODR_CHECK(!a.transposed && left.columns == (b.transposed ? k : n) && result.rows == left.rows &&
                 result.columns == (b.transposed ? n : k),
             "product of {}{} and a packed {}{} into {}", a.tensor.shape().to_string(), a.transposed ? "^T" : "",
             b.tensor.shape().to_string(), b.transposed ? "^T" : "", out.shape().to_string());
  MODR_CHECK(alpha == 1 && (beta == 0 || beta == 1), "a product of bf16 with factors {} and {}", alpha, beta);
  MODR_CHECK(b.transposed || packed_is_open(b.tensor.device()), "a product with a packed {} as it is",
             b.tensor.shape().to_string());
  const kernels::PackedGemm shape{left.rows, n, k, left.stride, result.stride, beta == 1};
  visit_output(out, [&]<typename C>(auto on) {
    const bfloat16* from = a.tensor.pointer<bfloat16>();
    if (b.transposed)
      kernels::packed_gemm(on, shape, from, b.tensor.packed_bytes(), out.pointer<C>());
    else
      kernels::packed_gemm_back(on, shape, from, b.tensor.packed_bytes(), out.pointer<C>());
  });
}

}  // namespace

bool packed_is_open(Device device) {
  return visit_place(device, [](auto on) { return kernels::packed_is_open(on); });
}

void matmul(const Matrix& a, const Matrix& b, const Tensor& out, double alpha, double beta) {
  if (b.tensor.is_packed()) return multiply_packed(a, b, out, alpha, beta);
  const Layout left = turned(a), right = turned(b), result = layout_of(out);
  MODR_CHECK(left.columns == right.rows && result.rows == left.rows && result.columns == right.columns,
             "product of {}{} and {}{} into {}", a.tensor.shape().to_string(), a.transposed ? "^T" : "",
             b.tensor.shape().to_string(), b.transposed ? "^T" : "", out.shape().to_string());
  multiply({a.transposed, b.transposed, left.rows, right.columns, left.columns, left.stride, right.stride,
            result.stride},
           a.tensor, b.tensor, out, alpha, beta);
}

Matrix pack(const Matrix& matrix, DType dtype) {
  const Tensor& tensor = matrix.tensor;
  if (dtype != DType::bf16) {
    MODR_CHECK(tensor.dtype() == dtype, "a matrix of {} packed for {}", name_of(tensor.dtype()), name_of(dtype));
    return matrix;
  }
  if (tensor.is_packed() && (matrix.transposed || packed_is_open(tensor.device()))) return matrix;
  // Packed is the transpose of what stands on the right.
  const Tensor rows = tensor.is_packed() ? tensor.clone() : tensor;
  const Tensor from = matrix.transposed ? rows : rows.transpose(0, 1);
  const Tensor packed = Tensor::packed(from.shape(), from.device());
  packed.copy_from(from);
  return {packed, true};
}

Matrix packed_or(const Matrix& packed, const Matrix& matrix, DType dtype) {
  return packed.defined() ? packed : pack(matrix, dtype);
}

PackedWeight pack_weight(const Tensor& weight, DType dtype, bool with_backward) {
  return {pack({weight, true}, dtype), with_backward ? pack({weight}, dtype) : Matrix{}};
}

}  // namespace modr::ops

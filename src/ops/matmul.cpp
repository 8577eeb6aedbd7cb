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
  const Device device = matrix.tensor.device();
  const std::size_t bytes =
      visit_place(device, [&](auto on) { return kernels::packed_size<bfloat16>(on, packed.k, packed.n); });
  packed.laid_out = Tensor::empty({static_cast<int64_t>(bytes / sizeof(bfloat16))}, {DType::bf16, device});
  run_on(packed.laid_out, [&]<typename T>(auto on) {
    kernels::pack<bfloat16>(on, packed.k, packed.n, matrix.tensor.pointer<float>(), layout.stride, matrix.transposed,
                            reinterpret_cast<std::byte*>(packed.laid_out.pointer<bfloat16>()));
  });
  return packed;
}

void matmul_packed(const Matrix& a, const PackedMatrix& b, const Tensor& out, bool accumulate) {
  if (!b.laid_out.defined()) return matmul(a, b.plain, out, 1, accumulate ? 1 : 0);
  const Layout left = turned(a), result = layout_of(out);
  MODR_CHECK(!a.transposed && left.columns == b.k && result.rows == left.rows && result.columns == b.n,
             "product of {}{} and a packed {} x {} into {}", a.tensor.shape().to_string(), a.transposed ? "^T" : "",
             b.k, b.n, out.shape().to_string());
  const kernels::PackedGemm shape{left.rows, b.n, b.k, left.stride, result.stride, accumulate};
  visit_output(out, [&]<typename C>(auto on) {
    kernels::packed_gemm(on, shape, a.tensor.pointer<bfloat16>(),
                         reinterpret_cast<const std::byte*>(b.laid_out.pointer<bfloat16>()), out.pointer<C>());
  });
}

PackedWeight pack_weight(const Tensor& weight, DType dtype, bool with_backward) {
  return {pack({weight, true}, dtype), with_backward ? pack({weight}, dtype) : PackedMatrix{}};
}

}  // namespace modr::ops

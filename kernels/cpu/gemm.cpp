#include "kernels/api/gemm.hpp"

#include <dnnl.h>

#include <algorithm>

#include "base/error.hpp"
#include "kernels/cpu/onednn_matmul.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/row_gemm.hpp"

namespace modr::kernels {

namespace {

template <typename T>
void scale_rows(const GemmShape& s, T beta, T* c) {
  for (int64_t i = 0; i < s.m; ++i)
    for (int64_t j = 0; j < s.n; ++j) c[i * s.ldc + j] = beta == T{0} ? T{0} : beta * c[i * s.ldc + j];
}

// One row of C. With B as stored the inner loop runs along B's rows, with B transposed it is a dot product.
void double_row(const GemmShape& s, int64_t i, double alpha, const double* a, const double* b, double* c) {
  const int64_t a_row = s.transpose_a ? 1 : s.lda, a_column = s.transpose_a ? s.lda : 1;
  const double* from = a + i * a_row;
  double* to = c + i * s.ldc;
  if (s.transpose_b) {
    for (int64_t j = 0; j < s.n; ++j) {
      double sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int64_t p = 0; p < s.k; ++p) sum += from[p * a_column] * b[j * s.ldb + p];
      to[j] += alpha * sum;
    }
    return;
  }
  for (int64_t p = 0; p < s.k; ++p) {
    const double factor = alpha * from[p * a_column];
#pragma omp simd
    for (int64_t j = 0; j < s.n; ++j) to[j] += factor * b[p * s.ldb + j];
  }
}

}  // namespace

template <>
void gemm(Cpu, const GemmShape& s, float alpha, const float* a, const float* b, float beta, float* c) {
  if (s.m == 0 || s.n == 0) return;
  if (s.k == 0) return scale_rows(s, beta, c);
  if (!s.transpose_a && alpha == 1 && (beta == 0 || beta == 1)) return row_gemm(s, a, b, beta == 1, c);
  const auto status = dnnl_sgemm(s.transpose_a ? 'T' : 'N', s.transpose_b ? 'T' : 'N', s.m, s.n, s.k, alpha, a, s.lda,
                                 b, s.ldb, beta, c, s.ldc);
  if (status != dnnl_success) fail("oneDNN: sgemm of {} x {} x {} failed with status {}", s.m, s.n, s.k, int(status));
}

template <>
void gemm(Cpu, const GemmShape& s, double alpha, const double* a, const double* b, double beta, double* c) {
  scale_rows(s, beta, c);
  parallel_ranges(s.m, s.m * s.n * s.k, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) double_row(s, i, alpha, a, b, c);
  });
}

template <typename C>
void gemm_bf16(Cpu, const GemmShape& s, const bfloat16* a, const bfloat16* b, bool accumulate, C* c) {
  if (s.m == 0 || s.n == 0) return;
  if (s.k == 0) {
    for (int64_t i = 0; i < s.m && !accumulate; ++i) std::fill_n(c + i * s.ldc, s.n, static_cast<C>(0.0f));
    return;
  }
  if (!s.transpose_a && !onednn::has_matrix_units()) return row_gemm(s, a, b, accumulate, c);
  const auto type = onednn::type_of<bfloat16>();
  const onednn::MatrixLayout left{s.m, s.k, s.lda, s.transpose_a, type}, right{s.k, s.n, s.ldb, s.transpose_b, type},
      result{s.m, s.n, s.ldc, false, onednn::type_of<C>()};
  const onednn::Product product{left, right, result, false, accumulate};
  if (s.transpose_a) onednn::run(product, a, b, c);
  else onednn::run_by_rows(product, a, b, c);
}
template void gemm_bf16(Cpu, const GemmShape&, const bfloat16*, const bfloat16*, bool, bfloat16*);
template void gemm_bf16(Cpu, const GemmShape&, const bfloat16*, const bfloat16*, bool, float*);

}  // namespace modr::kernels

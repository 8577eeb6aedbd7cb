#include <cublasLt.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "base/bfloat16.hpp"
#include "base/error.hpp"
#include "kernels/emulated/device.hpp"

struct cublasLtContext {};
struct cublasLtMatmulDescOpaque_t {
  cublasComputeType_t compute;
  cudaDataType_t scale;
  bool transpose_a = false, transpose_b = false;
};
struct cublasLtMatrixLayoutOpaque_t {
  cudaDataType_t type;
  int64_t rows, columns, ld;
};
struct cublasLtMatmulPreferenceOpaque_t {
  uint64_t workspace = 0;
  uint32_t alignments[4] = {256, 256, 256, 256};  // of A, B, C and D
};

namespace modr::emulated {

namespace {

using Layout = cublasLtMatrixLayoutOpaque_t;

// Asked for where a product is long, so that both cases come.
constexpr std::size_t asked_workspace = 4096;
constexpr int64_t least_depth_with_workspace = 48;

int64_t size_of(cudaDataType_t type) { return type == CUDA_R_64F ? 8 : type == CUDA_R_32F ? 4 : 2; }

// A product whose parts fit together: D [m, n] = op(A) op(B) over k.
struct Product {
  bool transpose_a, transpose_b;
  Layout a, b, d;
  int64_t m, n, k;
};

void check_types(const cublasLtMatmulDescOpaque_t& p, const Layout& a, const Layout& b, const Layout& c,
                 const Layout& d) {
  const bool in_double = p.compute == CUBLAS_COMPUTE_64F && p.scale == CUDA_R_64F && a.type == CUDA_R_64F &&
                         b.type == CUDA_R_64F && d.type == CUDA_R_64F;
  const bool in_float = p.compute == CUBLAS_COMPUTE_32F && p.scale == CUDA_R_32F && a.type == b.type &&
                        a.type != CUDA_R_64F && d.type != CUDA_R_64F && (a.type == CUDA_R_16BF || d.type == CUDA_R_32F);
  if ((!in_double && !in_float) || c.type != d.type)
    fail("emulated cuBLASLt: no product of types A {}, B {}, C {}, D {} with sums of {} and factors of {}", int(a.type),
         int(b.type), int(c.type), int(d.type), int(p.compute), int(p.scale));
}

void check_layout(const char* name, const Layout& l, int64_t rows, int64_t columns) {
  if (l.rows != rows || l.columns != columns)
    fail("emulated cuBLASLt: {} is {} x {} where {} x {} is needed", name, l.rows, l.columns, rows, columns);
  if (rows <= 0 || columns <= 0) fail("emulated cuBLASLt: {} is {} x {}", name, rows, columns);
  if (l.ld < rows) fail("emulated cuBLASLt: {} has columns of {} values only {} apart", name, rows, l.ld);
}

Product fitted(const cublasLtMatmulDescOpaque_t& p, const Layout& a, const Layout& b, const Layout& c,
               const Layout& d) {
  check_types(p, a, b, c, d);
  const int64_t k = p.transpose_a ? a.rows : a.columns;
  check_layout("A", a, p.transpose_a ? k : d.rows, p.transpose_a ? d.rows : k);
  check_layout("B", b, p.transpose_b ? d.columns : k, p.transpose_b ? k : d.columns);
  check_layout("C", c, d.rows, d.columns);
  check_layout("D", d, d.rows, d.columns);
  if (c.ld != d.ld) fail("emulated cuBLASLt: C and D are one matrix, with columns {} and {} apart", c.ld, d.ld);
  return {p.transpose_a, p.transpose_b, a, b, d, d.rows, d.columns, k};
}

// What an algorithm was chosen for: a number of the product's sizes and types, then the alignments.
cublasLtMatmulAlgo_t algorithm_of(const Product& p, const uint32_t (&alignments)[4]) {
  uint64_t number = 1;
  for (const int64_t part : {int64_t{p.transpose_a}, int64_t{p.transpose_b}, p.a.ld, p.b.ld, p.d.ld, p.m, p.n, p.k,
                             int64_t{p.a.type}, int64_t{p.d.type}})
    number = (number ^ static_cast<uint64_t>(part)) * 0x9e3779b97f4a7c15u;
  return {{number, alignments[0], alignments[1], alignments[2], alignments[3]}};
}

std::size_t workspace_of(const Product& p) { return p.k >= least_depth_with_workspace ? asked_workspace : 0; }

void check_memory(const Device& d, const char* name, const void* memory, const Layout& l, uint64_t alignment) {
  const auto bytes = static_cast<std::size_t>(((l.columns - 1) * l.ld + l.rows) * size_of(l.type));
  if (!d.reaches(memory, bytes))
    fail("emulated cuBLASLt: the {} bytes of {} are not the device's, or go past the end of its memory", bytes, name);
  if (reinterpret_cast<uintptr_t>(memory) % alignment != 0)
    fail("emulated cuBLASLt: {} is not aligned to the {} bytes that the algorithm was chosen for", name, alignment);
}

void check_workspace(const Device& d, const Product& p, const void* workspace, std::size_t bytes) {
  const std::size_t needed = workspace_of(p);
  if (bytes < needed) fail("emulated cuBLASLt: {} bytes of workspace, the algorithm needs {}", bytes, needed);
  if (needed > 0 && (!d.reaches(workspace, bytes) || reinterpret_cast<uintptr_t>(workspace) % 256 != 0))
    fail("emulated cuBLASLt: the workspace is not the device's, or not aligned to 256 bytes");
}

// values[column][row] of op(X), as it is computed in. Some columns at a time, so that turning them stays in the cache.
template <typename E, typename T>
std::vector<E> columns_of(const Layout& l, const void* memory, bool turned) {
  constexpr int64_t together = 16;
  const T* from = static_cast<const T*>(memory);
  std::vector<E> values(static_cast<std::size_t>(l.rows * l.columns));
  E* to = values.data();
  for (int64_t first = 0; first < l.columns; first += turned ? together : 1)
    for (int64_t row = 0; row < l.rows; ++row)
      if (turned)
        for (int64_t column = first; column < std::min(first + together, l.columns); ++column)
          to[row * l.columns + column] = static_cast<E>(from[column * l.ld + row]);
      else
        to[first * l.rows + row] = static_cast<E>(from[first * l.ld + row]);
  return values;
}

template <typename E>
std::vector<E> columns_of(const Layout& l, const void* memory, bool turned) {
  if (l.type == CUDA_R_64F) return columns_of<E, double>(l, memory, turned);
  if (l.type == CUDA_R_32F) return columns_of<E, float>(l, memory, turned);
  return columns_of<E, bfloat16>(l, memory, turned);
}

// Four columns of sums: for each, over ascending k.
template <typename E>
void add_products(const E* a, const E* b, int64_t m, int64_t k, int64_t columns, E* sums) {
  for (int64_t l = 0; l < k; ++l) {
    const E* of_a = a + l * m;
    if (columns == 4) {
      const E b0 = b[l], b1 = b[k + l], b2 = b[2 * k + l], b3 = b[3 * k + l];
      E *s0 = sums, *s1 = sums + m, *s2 = sums + 2 * m, *s3 = sums + 3 * m;
#pragma GCC ivdep
      for (int64_t i = 0; i < m; ++i) {
        s0[i] += of_a[i] * b0;
        s1[i] += of_a[i] * b1;
        s2[i] += of_a[i] * b2;
        s3[i] += of_a[i] * b3;
      }
    } else {
      for (int64_t j = 0; j < columns; ++j)
        for (int64_t i = 0; i < m; ++i) sums[j * m + i] += of_a[i] * b[j * k + l];
    }
  }
}

// d = alpha sums + beta c, rounded once.
template <typename E, typename T>
void finish(const Product& p, int64_t column, int64_t columns, E alpha, E beta, const E* sums, const void* c, void* d) {
  for (int64_t j = 0; j < columns; ++j)
    for (int64_t i = 0; i < p.m; ++i) {
      const int64_t at = (column + j) * p.d.ld + i;
      const E before = beta == E{0} ? E{0} : beta * static_cast<E>(static_cast<const T*>(c)[at]);
      static_cast<T*>(d)[at] = static_cast<T>(alpha * sums[j * p.m + i] + before);
    }
}

template <typename E>
void multiply(const Product& p, E alpha, const void* a, const void* b, E beta, const void* c, void* d) {
  const std::vector<E> left = columns_of<E>(p.a, a, p.transpose_a), right = columns_of<E>(p.b, b, p.transpose_b);
  std::vector<E> sums(static_cast<std::size_t>(4 * p.m));
  for (int64_t column = 0; column < p.n; column += 4) {
    const int64_t columns = std::min<int64_t>(4, p.n - column);
    std::fill(sums.begin(), sums.end(), E{0});
    add_products(left.data(), right.data() + column * p.k, p.m, p.k, columns, sums.data());
    if (p.d.type == CUDA_R_16BF)
      finish<E, bfloat16>(p, column, columns, alpha, beta, sums.data(), c, d);
    else
      finish<E, E>(p, column, columns, alpha, beta, sums.data(), c, d);
  }
}

template <typename Object>
cublasStatus_t destroy(Object* object) {
  delete object;
  return CUBLAS_STATUS_SUCCESS;
}

// The value of an attribute, which has to be of its size.
template <typename T>
T attribute_value(const void* value, std::size_t bytes) {
  if (bytes != sizeof(T)) fail("emulated cuBLASLt: an attribute of {} bytes where {} are needed", bytes, sizeof(T));
  T result;
  std::memcpy(&result, value, sizeof result);
  return result;
}

}  // namespace

}  // namespace modr::emulated

using namespace modr::emulated;

const char* cublasLtGetStatusString(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return "the operation completed successfully";
    case CUBLAS_STATUS_NOT_INITIALIZED:
      return "the library was not initialized";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "an unsupported value or parameter was passed to the function";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "the functionality requested is not supported";
  }
  return "unknown status";
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = new cublasLtContext;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* product, cublasComputeType_t compute,
                                        cudaDataType_t scale) {
  *product = new cublasLtMatmulDescOpaque_t{compute, scale};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t product) { return destroy(product); }

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t product, cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, std::size_t bytes) {
  const auto operation = attribute_value<int32_t>(value, bytes);
  if (operation != CUBLAS_OP_N && operation != CUBLAS_OP_T) return CUBLAS_STATUS_INVALID_VALUE;
  (attribute == CUBLASLT_MATMUL_DESC_TRANSA ? product->transpose_a : product->transpose_b) = operation == CUBLAS_OP_T;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType_t type, uint64_t rows,
                                          uint64_t columns, int64_t ld) {
  *layout = new cublasLtMatrixLayoutOpaque_t{type, static_cast<int64_t>(rows), static_cast<int64_t>(columns), ld};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) { return destroy(layout); }

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  *preference = new cublasLtMatmulPreferenceOpaque_t;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) { return destroy(preference); }

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute, const void* value,
                                                    std::size_t bytes) {
  if (attribute == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES)
    preference->workspace = attribute_value<uint64_t>(value, bytes);
  else if (attribute == CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK)
    attribute_value<uint32_t>(value, bytes);
  else
    preference->alignments[attribute - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES] =
        attribute_value<uint32_t>(value, bytes);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t product,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int asked,
                                              cublasLtMatmulHeuristicResult_t* results, int* found) {
  *found = 0;
  if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (asked <= 0) return CUBLAS_STATUS_INVALID_VALUE;
  const Product p = fitted(*product, *a, *b, *c, *d);
  if (preference->workspace < workspace_of(p)) return CUBLAS_STATUS_NOT_SUPPORTED;
  results[0] = {algorithm_of(p, preference->alignments), workspace_of(p), CUBLAS_STATUS_SUCCESS, 1, {}};
  *found = 1;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t product, const void* alpha, const void* a,
                              cublasLtMatrixLayout_t a_layout, const void* b, cublasLtMatrixLayout_t b_layout,
                              const void* beta, const void* c, cublasLtMatrixLayout_t c_layout, void* d,
                              cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t* algorithm, void* workspace,
                              std::size_t workspace_bytes, cudaStream_t stream) {
  if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  const Product p = fitted(*product, *a_layout, *b_layout, *c_layout, *d_layout);
  if (algorithm == nullptr) modr::fail("emulated cuBLASLt: a product without an algorithm of the heuristic's");
  const uint64_t* chosen = algorithm->data;
  if (chosen[0] != algorithm_of(p, {1, 1, 1, 1}).data[0])
    modr::fail("emulated cuBLASLt: an algorithm that was chosen for another product");
  call([&](Device& device) {
    check_memory(device, "A", a, p.a, chosen[1]);
    check_memory(device, "B", b, p.b, chosen[2]);
    check_memory(device, "C", c, p.d, chosen[3]);
    check_memory(device, "D", d, p.d, chosen[4]);
    check_workspace(device, p, workspace, workspace_bytes);
    const auto put = [&]<typename E>(E factor, E factor_of_c) {
      device.enqueue(stream, [=] {
        if (workspace_of(p) > 0) std::memset(workspace, 0xff, workspace_bytes);  // nobody else's meanwhile
        multiply<E>(p, factor, a, b, factor_of_c, c, d);
      });
    };
    if (product->scale == CUDA_R_64F)
      put(*static_cast<const double*>(alpha), *static_cast<const double*>(beta));
    else
      put(*static_cast<const float*>(alpha), *static_cast<const float*>(beta));
    return cudaSuccess;
  });
  return CUBLAS_STATUS_SUCCESS;
}

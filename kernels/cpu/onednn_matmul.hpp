#pragma once
// oneDNN's matrix product behind a table of prepared ones: preparing costs some tenths of a millisecond.
#include <cstddef>
#include <cstdint>
#include <oneapi/dnnl/dnnl.hpp>

#include "base/dtype.hpp"

namespace modr::kernels::onednn {

template <typename T>
constexpr dnnl::memory::data_type type_of() {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, bfloat16>);
  return std::is_same_v<T, float> ? dnnl::memory::data_type::f32 : dnnl::memory::data_type::bf16;
}

/// How oneDNN would do C = A B: its version 2 wants the three layouts in a description of their own, version 3 as they
/// are. Throws dnnl::error when it cannot.
template <typename Matmul = dnnl::matmul>  // a template, for only what the version has is looked at
typename Matmul::primitive_desc describe_product(const dnnl::engine& engine, const dnnl::memory::desc& a,
                                                 const dnnl::memory::desc& b, const dnnl::memory::desc& c,
                                                 const dnnl::primitive_attr& attributes = {}) {
  if constexpr (requires { typename Matmul::desc; }) {
    return {typename Matmul::desc(a, b, c), attributes, engine};
  } else {
    return {engine, a, b, c, attributes};
  }
}

/// A matrix [rows, columns] in memory: rows `stride` apart, or, transposed, columns.
struct MatrixLayout {
  int64_t rows, columns, stride;
  bool transposed = false;
  dnnl::memory::data_type type;

  dnnl::memory::desc desc() const;
};

/// The layout that run_by_rows() wants of a matrix [k, n].
dnnl::memory::desc packed_desc(int64_t k, int64_t n, dnnl::memory::data_type type);

/// Whether the processor multiplies bf16 in units of its own (AMX) that oneDNN knows: then no one else's products come
/// near to its.
bool has_matrix_units();

/// One product C = A B or C += A B; B plain or packed. Everything it points to stays the caller's.
struct Product {
  MatrixLayout a, b, c;
  bool b_is_packed = false, accumulate = false;
};
/// Throws Error when oneDNN cannot.
void run(const Product& product, const void* a, const void* b, void* c);

/// The same by blocks of `block_rows` rows, the last filled up with zeros: oneDNN chooses its code, and with it a row's
/// bits, by the number of rows, which here is always the same. A not transposed.
void run_by_rows(const Product& product, const void* a, const void* b, void* c);
constexpr int64_t block_rows = 32;  // two tiles of AMX

/// Copies `from` (plain) to packed_desc()'s layout and type.
void reorder(const MatrixLayout& from, const void* source, dnnl::memory::data_type type, void* packed);
/// And back.
void reorder_back(const MatrixLayout& to, dnnl::memory::data_type type, const void* packed, void* target);

}  // namespace modr::kernels::onednn

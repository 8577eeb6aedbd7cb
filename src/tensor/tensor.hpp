#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/dtype.hpp"
#include "base/shape.hpp"
#include "tensor/storage.hpp"

namespace modr {

/// What the elements of a tensor are, and where.
struct TensorType {
  TensorType(DType of, Device on = cpu_device) : dtype(of), device(on) {}  // NOLINT: a dtype means the host's
  DType dtype;
  Device device;
};
inline TensorType exact(TensorType type) { return {exact(type.dtype), type.device}; }

/// A strided view of reference-counted storage. Copying a Tensor shares the storage; clone() copies the values.
/// A default-constructed Tensor is undefined: it has no storage and only defined() may be asked of it.
class Tensor {
 public:
  Tensor() = default;

  /// New storage with unset values.
  static Tensor empty(Shape shape, TensorType type);
  static Tensor zeros(Shape shape, TensorType type);
  static Tensor full(Shape shape, TensorType type, double value);
  /// Zeros of a matrix [n, k] of bf16 that serves many products, laid out as its device multiplies fastest with the
  /// transpose (kernels/api/packed_gemm.hpp): a weight [out, in] of a linear layer. Values come and go by copy_from(),
  /// to() and clone(), which give rows again; matmul() and embedding() read it; who asks for its pointer or a part of
  /// it gets Error.
  static Tensor packed(Shape shape, Device device);
  /// A scalar (shape []).
  static Tensor scalar(double value, TensorType type) { return full({}, type, value); }
  /// Copies `values` (row-major) to the host, converting to `dtype`. Throws Error when the count is not shape.numel().
  template <typename T>
  static Tensor from(std::span<const T> values, Shape shape, DType dtype);

  bool defined() const { return storage_ != nullptr; }
  const Shape& shape() const { return shape_; }
  int64_t size(int64_t dim) const { return shape_[dim]; }
  int64_t rank() const { return shape_.rank(); }
  int64_t numel() const { return shape_.numel(); }
  DType dtype() const { return dtype_; }
  Device device() const;
  TensorType type() const { return {dtype_, device()}; }
  const std::vector<int64_t>& strides() const { return strides_; }
  bool is_contiguous() const;
  bool is_packed() const { return packed_; }
  std::size_t bytes() const { return static_cast<std::size_t>(numel()) * size_of(dtype_); }

  /// First element, on the tensor's device (null of meta): for kernels. Throws Error when T is not the dtype. Tensors
  /// are views: constness is of the view. Who writes values of which others may keep copies, those of weights, ends
  /// with changed().
  template <typename T>
  T* pointer() const;
  /// The same of a contiguous tensor; Error for another.
  template <typename T>
  T* dense() const;
  /// The bytes of a packed matrix, on the tensor's device (null of meta). Throws Error for another tensor.
  std::byte* packed_bytes() const;
  /// First element, for code of the host. Throws Error when T is not the dtype or the values are elsewhere.
  template <typename T>
  T* data() const;
  /// All values of a contiguous tensor of the host.
  template <typename T>
  std::span<T> span() const;
  /// Value of a tensor with one element: a counted copy (see host_copies()). Of meta 0, so that a step that is planned
  /// runs to its end.
  double item() const;
  /// A counted copy of all values, row-major, as doubles; zeros of meta.
  std::vector<double> to_vector() const;

  /// A counted copy of bytes [first, first + to.size()) of a contiguous tensor's values; zeros of meta.
  void copy_bytes_to_host(std::size_t first, std::span<std::byte> to) const;

  /// The same values in another shape; the tensor must be contiguous. One size may be -1.
  Tensor view(std::vector<int64_t> dims) const;
  Tensor view_as(const Shape& shape) const { return view(shape.dims()); }
  /// Rows [begin, end) of dimension `dim`; shares storage. Of a packed matrix all of them.
  Tensor slice(int64_t dim, int64_t begin, int64_t end) const;
  /// Dimensions a and b swapped; shares storage.
  Tensor transpose(int64_t a, int64_t b) const;
  /// This tensor when contiguous, else a contiguous copy.
  Tensor contiguous() const;
  Tensor clone() const;
  /// Values converted to `dtype` (this tensor itself when nothing changes).
  Tensor to(DType dtype) const;
  /// The same values on another device (this tensor itself when it is there). Throws Error for values that meta has
  /// not.
  Tensor to(Device device) const;

  /// Grows with every change of the storage's values: by fill(), copy_from(), add(), scale(), and where changed() says
  /// that something else has written. A copy made of the values at one version is one of those at the same version.
  uint64_t version() const { return storage_->version(); }
  void changed() const { storage_->change(); }

  void fill(double value) const;
  /// Copies the values of `source` (same shape, any dtype, any strides, on the host or a GPU) into this tensor. Throws
  /// Error for values of f64 and a packed matrix.
  void copy_from(const Tensor& source) const;
  /// this += factor * source (same shape and dtype, both contiguous).
  void add(const Tensor& source, double factor = 1.0) const;
  /// this *= factor (contiguous).
  void scale(double factor) const;

  /// What the storage is for, in the books of a plan (see MemoryLedger).
  void set_use(std::string_view use) const { storage_->set_use(use); }

  /// True when no other tensor looks into this one's storage.
  bool is_sole_owner() const { return storage_.use_count() == 1; }

 private:
  void pack_from(const Tensor& source) const;
  void unpack_into(const Tensor& target) const;

  std::shared_ptr<Storage> storage_;
  Shape shape_;
  std::vector<int64_t> strides_;  // in elements
  int64_t offset_ = 0;            // in elements
  DType dtype_ = DType::f32;
  bool packed_ = false;  // then strides say nothing
};

/// sum += the squares of all values of contiguous tensors of one device, in double and in a fixed order; `sum` is a
/// scalar of f64.
void add_squares(std::span<const Tensor> tensors, const Tensor& sum);

}  // namespace modr

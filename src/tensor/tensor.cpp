#include "tensor/tensor.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "base/error.hpp"
#include "kernels/api/elementwise.hpp"

namespace modr {

namespace {

// Calls f(offset) with the element offset of every index of `shape` under `strides`, in row-major order.
template <typename F>
void for_each_offset(const Shape& shape, const std::vector<int64_t>& strides, F f) {
  const int64_t count = shape.numel();
  const auto rank = static_cast<std::size_t>(shape.rank());
  std::vector<int64_t> index(rank, 0);
  int64_t offset = 0;
  for (int64_t done = 0; done < count; ++done) {
    f(offset);
    for (std::size_t dim = rank; dim-- > 0;) {
      offset += strides[dim];
      if (++index[dim] < shape.dims()[dim]) break;
      offset -= strides[dim] * index[dim];
      index[dim] = 0;
    }
  }
}

}  // namespace

Tensor Tensor::empty(Shape shape, DType dtype) {
  Tensor result;
  result.storage_ = std::make_shared<Storage>(static_cast<std::size_t>(shape.numel()) * size_of(dtype));
  result.strides_ = shape.strides();
  result.shape_ = std::move(shape);
  result.dtype_ = dtype;
  return result;
}

Tensor Tensor::zeros(Shape shape, DType dtype) { return full(std::move(shape), dtype, 0); }

Tensor Tensor::full(Shape shape, DType dtype, double value) {
  Tensor result = empty(std::move(shape), dtype);
  result.fill(value);
  return result;
}

template <typename T>
Tensor Tensor::from(std::span<const T> values, Shape shape, DType dtype) {
  MODR_CHECK(static_cast<int64_t>(values.size()) == shape.numel(), "{} values for shape {}", values.size(),
             shape.to_string());
  Tensor result = empty(std::move(shape), dtype);
  visit_dtype(dtype, [&]<typename U>() { kernels::cpu::convert(values.data(), result.numel(), result.data<U>()); });
  return result;
}
template Tensor Tensor::from(std::span<const float>, Shape, DType);
template Tensor Tensor::from(std::span<const double>, Shape, DType);
template Tensor Tensor::from(std::span<const bfloat16>, Shape, DType);

bool Tensor::is_contiguous() const {
  if (numel() == 0) return true;
  int64_t expected = 1;
  for (int64_t dim = rank() - 1; dim >= 0; --dim) {
    if (shape_[dim] != 1 && strides_[static_cast<std::size_t>(dim)] != expected) return false;
    expected *= shape_[dim];
  }
  return true;
}

template <typename T>
T* Tensor::data() const {
  MODR_CHECK(defined(), "the tensor is undefined");
  MODR_CHECK(dtype_of<T>() == dtype_, "tensor of {} read as {}", name_of(dtype_), name_of(dtype_of<T>()));
  return reinterpret_cast<T*>(raw());
}
template float* Tensor::data() const;
template double* Tensor::data() const;
template bfloat16* Tensor::data() const;

template <typename T>
std::span<T> Tensor::span() const {
  MODR_CHECK(is_contiguous(), "a span of a tensor that is not contiguous, shape {}", shape_.to_string());
  return {data<T>(), static_cast<std::size_t>(numel())};
}
template std::span<float> Tensor::span() const;
template std::span<double> Tensor::span() const;
template std::span<bfloat16> Tensor::span() const;

double Tensor::item() const {
  MODR_CHECK(numel() == 1, "item() of a tensor of shape {}", shape_.to_string());
  return visit_dtype(dtype_, [&]<typename T>() { return static_cast<double>(*data<T>()); });
}

std::vector<double> Tensor::to_vector() const {
  std::vector<double> result;
  result.reserve(static_cast<std::size_t>(numel()));
  visit_dtype(dtype_, [&]<typename T>() {
    const T* from = data<T>();
    for_each_offset(shape_, strides_, [&](int64_t at) { result.push_back(static_cast<double>(from[at])); });
  });
  return result;
}

Tensor Tensor::view(std::vector<int64_t> dims) const {
  MODR_CHECK(is_contiguous(), "view of a tensor that is not contiguous, shape {}", shape_.to_string());
  int64_t known = 1;
  for (int64_t size : dims) known *= size == -1 ? 1 : size;
  for (int64_t& size : dims)
    if (size == -1) size = known == 0 ? 0 : numel() / known;
  Tensor result = *this;
  result.shape_ = Shape(std::move(dims));
  result.strides_ = result.shape_.strides();
  MODR_CHECK(result.numel() == numel(), "{} viewed as {}", shape_.to_string(), result.shape_.to_string());
  return result;
}

Tensor Tensor::slice(int64_t dim, int64_t begin, int64_t end) const {
  if (dim < 0) dim += rank();
  MODR_CHECK(0 <= begin && begin <= end && end <= size(dim), "rows [{}, {}) of dimension {} of {}", begin, end, dim,
             shape_.to_string());
  Tensor result = *this;
  result.offset_ += begin * strides_[static_cast<std::size_t>(dim)];
  result.shape_ = shape_.with(dim, end - begin);
  return result;
}

Tensor Tensor::transpose(int64_t a, int64_t b) const {
  if (a < 0) a += rank();
  if (b < 0) b += rank();
  Tensor result = *this;
  result.shape_ = shape_.with(a, size(b)).with(b, size(a));
  std::swap(result.strides_[static_cast<std::size_t>(a)], result.strides_[static_cast<std::size_t>(b)]);
  return result;
}

Tensor Tensor::contiguous() const { return is_contiguous() ? *this : clone(); }

Tensor Tensor::clone() const {
  Tensor result = empty(shape_, dtype_);
  result.copy_from(*this);
  return result;
}

Tensor Tensor::to(DType dtype) const {
  if (dtype == dtype_) return *this;
  Tensor result = empty(shape_, dtype);
  result.copy_from(*this);
  return result;
}

void Tensor::fill(double value) const {
  changed();
  visit_dtype(dtype_, [&]<typename T>() {
    T* to = data<T>();
    if (is_contiguous()) {
      kernels::cpu::fill(static_cast<T>(value), numel(), to);
    } else {
      for_each_offset(shape_, strides_, [&](int64_t at) { to[at] = static_cast<T>(value); });
    }
  });
}

void Tensor::copy_from(const Tensor& source) const {
  MODR_CHECK(source.shape_ == shape_, "{} copied into {}", source.shape_.to_string(), shape_.to_string());
  changed();
  // Values that lie side by side in both tensors are copied in runs: everything, or rows of the last dimension.
  const bool whole = is_contiguous() && source.is_contiguous();
  const bool rows = rank() > 0 && strides_.back() == 1 && source.strides_.back() == 1;
  const int64_t run = whole ? numel() : rows ? shape_[-1] : 1;
  if (run == 0 || numel() == 0) return;
  const auto starts = [&](const Tensor& tensor) {
    std::vector<int64_t> offsets;
    const Shape outer = whole ? Shape{} : rows ? shape_.with(-1, 1) : shape_;
    for_each_offset(outer, tensor.strides_, [&](int64_t at) { offsets.push_back(at); });
    return offsets;
  };
  const std::vector<int64_t> to_starts = starts(*this), from_starts = starts(source);
  visit_dtype(dtype_, [&]<typename T>() {
    visit_dtype(source.dtype_, [&]<typename S>() {
      for (std::size_t i = 0; i < to_starts.size(); ++i) {
        kernels::cpu::convert(source.data<S>() + from_starts[i], run, data<T>() + to_starts[i]);
      }
    });
  });
}

void Tensor::add(const Tensor& source, double factor) const {
  MODR_CHECK(source.shape_ == shape_, "{} added to {}", source.shape_.to_string(), shape_.to_string());
  changed();
  visit_dtype(dtype_, [&]<typename T>() {
    kernels::cpu::add_scaled(source.span<T>().data(), static_cast<Exact<T>>(factor), numel(), span<T>().data());
  });
}

void Tensor::scale(double factor) const {
  changed();
  visit_dtype(dtype_,
              [&]<typename T>() { kernels::cpu::scale(static_cast<Exact<T>>(factor), numel(), span<T>().data()); });
}

double sum_of_squares(const Tensor& tensor) {
  return visit_dtype(tensor.dtype(), [&]<typename T>() {
    return kernels::cpu::sum_of_squares(tensor.span<T>().data(), tensor.numel());
  });
}

bool all_finite(const Tensor& tensor) {
  return visit_dtype(tensor.dtype(), [&]<typename T>() {
    return kernels::cpu::all_finite(tensor.span<T>().data(), tensor.numel());
  });
}

}  // namespace modr

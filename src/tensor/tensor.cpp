#include "tensor/tensor.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "base/error.hpp"
#include "kernels/api/elementwise.hpp"
#include "kernels/api/packed_gemm.hpp"
#include "tensor/run_on.hpp"

namespace modr {

Tensor Tensor::empty(Shape shape, TensorType type) {
  Tensor result;
  const std::size_t bytes = static_cast<std::size_t>(shape.numel()) * size_of(type.dtype);
  result.storage_ = std::make_shared<Storage>(bytes, type.device);
  result.strides_ = shape.strides();
  result.shape_ = std::move(shape);
  result.dtype_ = type.dtype;
  return result;
}

Tensor Tensor::zeros(Shape shape, TensorType type) { return full(std::move(shape), type, 0); }

Tensor Tensor::full(Shape shape, TensorType type, double value) {
  Tensor result = empty(std::move(shape), type);
  result.fill(value);
  return result;
}

Tensor Tensor::packed(Shape shape, Device device) {
  MODR_CHECK(shape.rank() == 2, "a packed matrix of shape {}", shape.to_string());
  const std::size_t bytes = visit_place(device, [&](auto on) { return kernels::packed_size(on, shape[1], shape[0]); });
  Tensor result = zeros({static_cast<int64_t>(bytes / sizeof(bfloat16))}, {DType::bf16, device});
  result.strides_ = shape.strides();
  result.shape_ = std::move(shape);
  result.packed_ = true;
  return result;
}

template <typename T>
Tensor Tensor::from(std::span<const T> values, Shape shape, DType dtype) {
  MODR_CHECK(static_cast<int64_t>(values.size()) == shape.numel(), "{} values for shape {}", values.size(),
             shape.to_string());
  Tensor result = empty(std::move(shape), dtype);
  visit_dtype(dtype,
              [&]<typename U>() { kernels::convert(kernels::Cpu{}, values.data(), result.numel(), result.data<U>()); });
  return result;
}
template Tensor Tensor::from(std::span<const float>, Shape, DType);
template Tensor Tensor::from(std::span<const double>, Shape, DType);
template Tensor Tensor::from(std::span<const bfloat16>, Shape, DType);

bool Tensor::is_contiguous() const {
  if (packed_) return false;
  if (numel() == 0) return true;
  int64_t expected = 1;
  for (int64_t dim = rank() - 1; dim >= 0; --dim) {
    if (shape_[dim] != 1 && strides_[static_cast<std::size_t>(dim)] != expected) return false;
    expected *= shape_[dim];
  }
  return true;
}

Device Tensor::device() const {
  MODR_CHECK(defined(), "the tensor is undefined");
  return storage_->device();
}

template <typename T>
T* Tensor::pointer() const {
  MODR_CHECK(defined(), "the tensor is undefined");
  MODR_CHECK(dtype_of<T>() == dtype_, "tensor of {} read as {}", name_of(dtype_), name_of(dtype_of<T>()));
  MODR_CHECK(!packed_, "the rows of a packed matrix of shape {}", shape_.to_string());
  if (storage_->device().is_meta()) return nullptr;
  return reinterpret_cast<T*>(storage_->data()) + offset_;
}
template float* Tensor::pointer() const;
template double* Tensor::pointer() const;
template bfloat16* Tensor::pointer() const;

template <typename T>
T* Tensor::dense() const {
  MODR_CHECK(is_contiguous(), "the values of a tensor that is not contiguous, shape {}", shape_.to_string());
  return pointer<T>();
}
template float* Tensor::dense() const;
template double* Tensor::dense() const;
template bfloat16* Tensor::dense() const;

std::byte* Tensor::packed_bytes() const {
  MODR_CHECK(packed_, "a matrix of shape {} that is not packed", shape_.to_string());
  return storage_->data();
}

template <typename T>
T* Tensor::data() const {
  MODR_CHECK(device().is_cpu(), "the host reads a tensor of {}, shape {}", name_of(device()), shape_.to_string());
  return pointer<T>();
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
  return to_vector().front();
}

std::vector<double> Tensor::to_vector() const {
  const Tensor dense = contiguous();
  std::vector<double> result(static_cast<std::size_t>(numel()));
  visit_dtype(dtype_, [&]<typename T>() {
    std::vector<T> values(result.size());
    dense.copy_bytes_to_host(0, std::as_writable_bytes(std::span(values)));
    std::ranges::transform(values, result.begin(), [](T value) { return static_cast<double>(value); });
  });
  return result;
}

void Tensor::copy_bytes_to_host(std::size_t first, std::span<std::byte> to) const {
  MODR_CHECK(is_contiguous() && first + to.size() <= bytes(), "bytes {} to {} of a tensor of {} bytes, shape {}", first,
             first + to.size(), bytes(), shape_.to_string());
  copy_to_host(*storage_, static_cast<std::size_t>(offset_) * size_of(dtype_) + first, to);
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
  if (begin == 0 && end == size(dim)) return result;
  MODR_CHECK(!packed_, "rows [{}, {}) of a packed matrix of shape {}", begin, end, shape_.to_string());
  result.offset_ += begin * strides_[static_cast<std::size_t>(dim)];
  result.shape_ = shape_.with(dim, end - begin);
  return result;
}

Tensor Tensor::transpose(int64_t a, int64_t b) const {
  MODR_CHECK(!packed_, "a packed matrix of shape {} transposed", shape_.to_string());
  if (a < 0) a += rank();
  if (b < 0) b += rank();
  Tensor result = *this;
  result.shape_ = shape_.with(a, size(b)).with(b, size(a));
  std::swap(result.strides_[static_cast<std::size_t>(a)], result.strides_[static_cast<std::size_t>(b)]);
  return result;
}

Tensor Tensor::contiguous() const { return is_contiguous() ? *this : clone(); }

Tensor Tensor::clone() const {
  Tensor result = empty(shape_, type());
  result.copy_from(*this);
  return result;
}

Tensor Tensor::to(DType dtype) const {
  if (dtype == dtype_) return *this;
  Tensor result = empty(shape_, {dtype, device()});
  result.copy_from(*this);
  return result;
}

Tensor Tensor::to(Device device) const {
  if (device == this->device()) return *this;
  MODR_CHECK(!this->device().is_meta(), "a meta tensor of shape {} has no values for {}", shape_.to_string(),
             name_of(device));
  Tensor result = empty(shape_, {dtype_, device});
  if (device.is_meta()) return result;
  if (this->device().is_cuda() && device.is_cuda()) return to(cpu_device).to(device);
  const Tensor from = contiguous();
  if (device.is_cpu())
    from.copy_bytes_to_host(0, {result.storage_->data(), bytes()});
  else
    copy_to_device({from.storage_->data() + static_cast<std::size_t>(from.offset_) * size_of(dtype_), bytes()},
                   *result.storage_);
  return result;
}

void Tensor::fill(double value) const {
  if (packed_) return copy_from(full(shape_, type(), value));
  if (!is_contiguous()) {  // one value that all indices show
    Tensor one = full(Shape(std::vector<int64_t>(static_cast<std::size_t>(rank()), 1)), type(), value);
    one.shape_ = shape_;
    one.strides_.assign(strides_.size(), 0);
    return copy_from(one);
  }
  changed();
  run_on(*this, [&]<typename T>(auto on) { kernels::fill(on, static_cast<T>(value), numel(), pointer<T>()); });
}

void Tensor::copy_from(const Tensor& source) const {
  MODR_CHECK(source.shape_ == shape_, "{} copied into {}", source.shape_.to_string(), shape_.to_string());
  if (source.device() != device()) {
    MODR_CHECK(!source.device().is_meta() && !device().is_meta(), "values of {} copied into {}",
               name_of(source.device()), name_of(device()));
    return copy_from(source.to(device()));
  }
  MODR_CHECK(rank() <= kernels::max_copy_rank, "a copy of {} dimensions", rank());
  changed();
  if (source.packed_) return source.unpack_into(*this);
  if (packed_) return pack_from(source);
  kernels::StridedCopy copy{rank()};
  std::ranges::copy(shape_.dims(), copy.sizes);
  std::ranges::copy(source.strides_, copy.from_strides);
  std::ranges::copy(strides_, copy.to_strides);
  run_on(*this, [&]<typename T>(auto on) {
    visit_dtype(source.dtype_, [&]<typename S>() { kernels::copy(on, copy, source.pointer<S>(), pointer<T>()); });
  });
}

namespace {

// Calls f<S>() with the type of values that a packed matrix takes and gives.
template <typename F>
void visit_packable(DType dtype, F f) {
  MODR_CHECK(dtype != DType::f64, "a packed matrix and values of {}", name_of(dtype));
  if (dtype == DType::bf16)
    f.template operator()<bfloat16>();
  else
    f.template operator()<float>();
}

}  // namespace

void Tensor::pack_from(const Tensor& source) const {
  const bool turned = source.strides_[0] == 1 && source.strides_[1] != 1;  // then it is W^T that has rows
  const Tensor rows = turned || source.strides_[1] == 1 ? source : source.contiguous();
  run_on(*this, [&]<typename>(auto on) {
    visit_packable(rows.dtype_, [&]<typename S>() {
      kernels::pack(on, size(1), size(0), rows.pointer<S>(), rows.strides_[turned ? 1 : 0], !turned, packed_bytes());
    });
  });
}

void Tensor::unpack_into(const Tensor& target) const {
  if (target.packed_ || !target.is_contiguous()) {
    const Tensor rows = clone();
    return target.copy_from(rows);
  }
  run_on(*this, [&]<typename>(auto on) {
    visit_packable(target.dtype_,
                   [&]<typename S>() { kernels::unpack(on, size(1), size(0), packed_bytes(), target.pointer<S>()); });
  });
}

void Tensor::add(const Tensor& source, double factor) const {
  MODR_CHECK(source.shape_ == shape_, "{} added to {}", source.shape_.to_string(), shape_.to_string());
  changed();
  run_on(*this, [&]<typename T>(auto on) {
    kernels::add_scaled(on, source.dense<T>(), static_cast<Exact<T>>(factor), numel(), dense<T>());
  });
}

void Tensor::scale(double factor) const {
  changed();
  run_on(*this, [&]<typename T>(auto on) { kernels::scale(on, static_cast<Exact<T>>(factor), numel(), dense<T>()); });
}

void add_squares(std::span<const Tensor> tensors, const Tensor& sum) {
  while (!tensors.empty()) {  // those of one type at a time
    const DType dtype = tensors.front().dtype();
    const auto end = std::ranges::find_if(tensors, [&](const Tensor& tensor) { return tensor.dtype() != dtype; });
    const auto alike = tensors.first(static_cast<std::size_t>(end - tensors.begin()));
    run_on(alike.front(), [&]<typename T>(auto on) {
      std::vector<std::span<const T>> values;
      for (const Tensor& tensor : alike)
        values.emplace_back(tensor.dense<T>(), static_cast<std::size_t>(tensor.numel()));
      kernels::add_squares<T>(on, values, sum.pointer<double>());
    });
    tensors = tensors.subspan(alike.size());
  }
}

}  // namespace modr

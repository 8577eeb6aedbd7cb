#include "base/shape.hpp"

#include <fmt/ranges.h>

#include <utility>

#include "base/error.hpp"

namespace modr {

Shape::Shape(std::initializer_list<int64_t> dims) : Shape(std::vector<int64_t>(dims)) {}

Shape::Shape(std::vector<int64_t> dims) : dims_(std::move(dims)) {
  for (int64_t size : dims_) MODR_CHECK(size >= 0, "negative size in shape [{}]", fmt::join(dims_, ", "));
}

int64_t Shape::operator[](int64_t dim) const {
  const int64_t at = dim < 0 ? dim + rank() : dim;
  MODR_CHECK(at >= 0 && at < rank(), "dimension {} of shape {}", dim, to_string());
  return dims_[static_cast<std::size_t>(at)];
}

int64_t Shape::numel() const {
  int64_t product = 1;
  for (int64_t size : dims_) product *= size;
  return product;
}

std::vector<int64_t> Shape::strides() const {
  std::vector<int64_t> result(dims_.size());
  int64_t stride = 1;
  for (std::size_t i = dims_.size(); i-- > 0;) {
    result[i] = stride;
    stride *= dims_[i];
  }
  return result;
}

Shape Shape::with(int64_t dim, int64_t size) const {
  std::vector<int64_t> dims = dims_;
  const int64_t at = dim < 0 ? dim + rank() : dim;
  MODR_CHECK(at >= 0 && at < rank(), "dimension {} of shape {}", dim, to_string());
  dims[static_cast<std::size_t>(at)] = size;
  return Shape(std::move(dims));
}

std::string Shape::to_string() const { return fmt::format("[{}]", fmt::join(dims_, ", ")); }

}  // namespace modr

#pragma once
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace modr {

/// Sizes of a tensor's dimensions, outermost first (row-major). An empty shape is a scalar.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<int64_t> dims);
  explicit Shape(std::vector<int64_t> dims);

  int64_t rank() const { return static_cast<int64_t>(dims_.size()); }
  /// Size of dimension `dim`; negative counts from the end. Throws Error when out of range.
  int64_t operator[](int64_t dim) const;
  /// Product of all sizes; 1 for a scalar.
  int64_t numel() const;
  /// Row-major strides in elements.
  std::vector<int64_t> strides() const;
  /// A copy in which dimension `dim` has size `size`.
  Shape with(int64_t dim, int64_t size) const;
  const std::vector<int64_t>& dims() const { return dims_; }
  /// "[2, 3]".
  std::string to_string() const;
  bool operator==(const Shape&) const = default;

 private:
  std::vector<int64_t> dims_;
};

}  // namespace modr

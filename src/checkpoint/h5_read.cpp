// H5File's datasets: reading, with every size checked.
#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "checkpoint/h5_file.hpp"
#include "checkpoint/h5_handle.hpp"
#include "checkpoint/h5_text.hpp"

namespace modr {

namespace {

struct OpenDataset {
  H5Handle dataset, type, space;
  Shape shape;
};

// How many times longer than its stored bytes a dataset can be: deflate's limit is 1032, without a filter it is 1.
uint64_t largest_expansion(const H5Handle& dataset) {
  const H5Handle properties(H5Dget_create_plist(dataset.id()), H5Pclose);
  return H5Pget_filter_by_id2(properties.id(), H5Z_FILTER_DEFLATE, nullptr, nullptr, nullptr, 0, nullptr, nullptr) < 0
             ? 1
             : 1032;
}

// The shape, once it is certain that all its values can be in a file of `file_bytes`.
Shape checked_shape(const H5Handle& space, std::size_t value_bytes, uint64_t max_bytes, const std::string& where) {
  std::array<hsize_t, H5S_MAX_RANK> sizes{};
  const int rank = H5Sget_simple_extent_dims(space.id(), sizes.data(), nullptr);
  if (rank < 0 || H5Sget_simple_extent_type(space.id()) == H5S_NULL) fail_reading(where, "has no shape");
  const auto end = sizes.begin() + rank;
  uint64_t room = max_bytes / std::max<std::size_t>(value_bytes, 1);
  for (auto size = sizes.begin(); size != end; ++size) room /= std::max<hsize_t>(*size, 1);
  if (room == 0) fail("{}: claims shape [{}], more than the file holds", where, fmt::join(sizes.begin(), end, ", "));
  return Shape(std::vector<int64_t>(sizes.begin(), end));
}

OpenDataset open_dataset(hid_t file, uint64_t file_bytes, const std::string& dataset, const std::string& where) {
  OpenDataset result;
  result.dataset = H5Handle(H5Dopen2(file, dataset.c_str(), H5P_DEFAULT), H5Dclose);
  if (!result.dataset.ok()) fail_reading(where, "cannot be opened", "no such dataset");
  result.type = H5Handle(H5Dget_type(result.dataset.id()), H5Tclose);
  result.space = H5Handle(H5Dget_space(result.dataset.id()), H5Sclose);
  if (!result.type.ok() || !result.space.ok()) fail_reading(where, "cannot be read");
  const uint64_t max_bytes = file_bytes * largest_expansion(result.dataset);
  H5Eclear2(H5E_DEFAULT);
  result.shape = checked_shape(result.space, H5Tget_size(result.type.id()), max_bytes, where);
  return result;
}

// Selects rows [first, first + rows) of a dataset of at least one dimension.
void select_rows(const H5Handle& space, const Shape& whole, int64_t first, int64_t rows, const std::string& where) {
  std::vector<hsize_t> start(whole.dims().size(), 0), count(whole.dims().begin(), whole.dims().end());
  start[0] = static_cast<hsize_t>(first);
  count[0] = static_cast<hsize_t>(rows);
  if (H5Sselect_hyperslab(space.id(), H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr) < 0)
    fail_hdf5(where, "rows cannot be selected");
}

// The target has all values of the dataset, or as many rows of it as fill the target.
void read_floats(const OpenDataset& open, const Tensor& target, const std::string& where, int64_t first_row = 0) {
  if (H5Tget_class(open.type.id()) != H5T_FLOAT) fail("{}: not a dataset of floating-point numbers", where);
  if (target.numel() == 0) return;
  target.changed();
  const bool all = target.shape() == open.shape;
  const hsize_t values = static_cast<hsize_t>(target.numel());
  const H5Handle memory_space(all ? H5Scopy(open.space.id()) : H5Screate_simple(1, &values, nullptr), H5Sclose);
  if (!all) select_rows(open.space, open.shape, first_row, target.size(0), where);
  visit_exact_dtype(target.dtype(), [&]<typename T>() {
    const hid_t memory = std::is_same_v<T, float> ? H5T_NATIVE_FLOAT : H5T_NATIVE_DOUBLE;
    if (H5Dread(open.dataset.id(), memory, memory_space.id(), open.space.id(), H5P_DEFAULT, target.data<T>()) < 0)
      fail_reading(where, "cannot be read");
  });
}

}  // namespace

Shape H5File::dataset_shape(const std::string& dataset) const {
  const Hdf5Lock lock;
  return open_dataset(id_, bytes_, dataset, where(dataset)).shape;
}

std::string H5File::dataset_type(const std::string& dataset) const {
  const Hdf5Lock lock;
  const OpenDataset open = open_dataset(id_, bytes_, dataset, where(dataset));
  const std::size_t bits = 8 * H5Tget_size(open.type.id());
  switch (H5Tget_class(open.type.id())) {
    case H5T_FLOAT: {
      std::size_t sign = 0, exponent = 0, exponent_bits = 0, mantissa = 0, mantissa_bits = 0;
      H5Tget_fields(open.type.id(), &sign, &exponent, &exponent_bits, &mantissa, &mantissa_bits);
      return (bits == 16 && exponent_bits == 8 ? "bf" : "f") + std::to_string(bits);
    }
    case H5T_INTEGER: return (H5Tget_sign(open.type.id()) == H5T_SGN_NONE ? "uint" : "int") + std::to_string(bits);
    case H5T_STRING: return "string";
    default: return "other";
  }
}

Tensor H5File::read_tensor(const std::string& dataset, DType dtype) const {
  const Hdf5Lock lock;
  const OpenDataset open = open_dataset(id_, bytes_, dataset, where(dataset));
  const Tensor result = Tensor::empty(open.shape, exact(dtype));
  read_floats(open, result, where(dataset));
  return result.to(dtype);
}

void H5File::read_rows_into(const std::string& dataset, const Tensor& target, int64_t first_row,
                            int64_t num_rows) const {
  const Hdf5Lock lock;
  const OpenDataset open = open_dataset(id_, bytes_, dataset, where(dataset));
  const Shape expected = num_rows < 0 ? target.shape() : target.shape().with(0, num_rows);
  if (open.shape != expected)
    fail("{}: found shape {}, expected {}", where(dataset), open.shape.to_string(), expected.to_string());
  MODR_CHECK(num_rows < 0 || (first_row >= 0 && first_row + target.size(0) <= num_rows), "rows {} to {} of {}",
             first_row, first_row + target.size(0), num_rows);
  const DType stored = exact(target.dtype());
  const bool direct = target.device().is_cpu() && target.is_contiguous() && target.dtype() == stored;
  const Tensor values = direct ? target : Tensor::empty(target.shape(), stored);
  read_floats(open, values, where(dataset), first_row);
  if (!direct) target.copy_from(values);
}

std::vector<int64_t> H5File::read_ints(const std::string& dataset) const {
  const Hdf5Lock lock;
  const OpenDataset open = open_dataset(id_, bytes_, dataset, where(dataset));
  if (H5Tget_class(open.type.id()) != H5T_INTEGER) fail("{}: not a dataset of integers", where(dataset));
  std::vector<int64_t> values(static_cast<std::size_t>(open.shape.numel()));
  if (!values.empty() &&
      H5Dread(open.dataset.id(), H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0)
    fail_reading(where(dataset), "cannot be read");
  return values;
}

std::string H5File::read_string(const std::string& dataset) const {
  const Hdf5Lock lock;
  const OpenDataset open = open_dataset(id_, bytes_, dataset, where(dataset));
  if (open.shape.numel() != 1) fail("{}: shape {}, expected one string", where(dataset), open.shape.to_string());
  const auto read = [&](hid_t type, void* out) {
    return H5Dread(open.dataset.id(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out);
  };
  return read_hdf5_text(open.type, open.space, bytes_, where(dataset), read);
}

}  // namespace modr

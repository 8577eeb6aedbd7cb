// H5File's datasets: reading with every size checked, and writing in chunks with checksums.
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
  if (rank < 0 || H5Sget_simple_extent_type(space.id()) == H5S_NULL) fail_hdf5(where, "has no shape");
  const auto end = sizes.begin() + rank;
  uint64_t room = max_bytes / std::max<std::size_t>(value_bytes, 1);
  for (auto size = sizes.begin(); size != end; ++size) room /= std::max<hsize_t>(*size, 1);
  if (room == 0) fail("{}: claims shape [{}], more than the file holds", where, fmt::join(sizes.begin(), end, ", "));
  return Shape(std::vector<int64_t>(sizes.begin(), end));
}

OpenDataset open_dataset(hid_t file, uint64_t file_bytes, const std::string& dataset, const std::string& where) {
  OpenDataset result;
  result.dataset = H5Handle(H5Dopen2(file, dataset.c_str(), H5P_DEFAULT), H5Dclose);
  if (!result.dataset.ok()) fail_hdf5(where, "no such dataset");
  result.type = H5Handle(H5Dget_type(result.dataset.id()), H5Tclose);
  result.space = H5Handle(H5Dget_space(result.dataset.id()), H5Sclose);
  if (!result.type.ok() || !result.space.ok()) fail_hdf5(where, "damaged dataset");
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
  const bool all = target.shape() == open.shape;
  const hsize_t values = static_cast<hsize_t>(target.numel());
  const H5Handle memory_space(all ? H5Scopy(open.space.id()) : H5Screate_simple(1, &values, nullptr), H5Sclose);
  if (!all) select_rows(open.space, open.shape, first_row, target.size(0), where);
  dispatch_exact(target.dtype(), [&]<typename T>() {
    const hid_t memory = std::is_same_v<T, float> ? H5T_NATIVE_FLOAT : H5T_NATIVE_DOUBLE;
    if (H5Dread(open.dataset.id(), memory, memory_space.id(), open.space.id(), H5P_DEFAULT, target.data<T>()) < 0)
      fail_hdf5(where, "cannot be read");
  });
}

// Chunks of at most 1 MiB, cut along the outermost dimensions into equal parts.
std::vector<hsize_t> chunk_sizes(const Shape& shape, std::size_t value_bytes) {
  constexpr int64_t kMaxBytes = int64_t{1} << 20;
  std::vector<hsize_t> chunk(shape.dims().begin(), shape.dims().end());
  int64_t inner = shape.numel() * static_cast<int64_t>(value_bytes);
  for (std::size_t dim = 0; dim < chunk.size() && inner > kMaxBytes; ++dim) {
    const int64_t size = shape.dims()[dim];
    inner /= size;
    const int64_t rows = std::max<int64_t>(kMaxBytes / inner, 1);
    const int64_t parts = (size + rows - 1) / rows;
    chunk[dim] = static_cast<hsize_t>((size + parts - 1) / parts);
    if (rows > 1) break;
  }
  return chunk;
}

// The group that an object is in; empty for the file itself.
std::string above(const std::string& object) {
  const auto slash = object.rfind('/');
  return slash == std::string::npos ? std::string() : object.substr(0, slash);
}

}  // namespace

Shape H5File::dataset_shape(const std::string& dataset) const {
  return open_dataset(id_, bytes_, dataset, where(dataset)).shape;
}

std::string H5File::dataset_type(const std::string& dataset) const {
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
  const OpenDataset open = open_dataset(id_, bytes_, dataset, where(dataset));
  const Tensor result = Tensor::empty(open.shape, exact(dtype));
  read_floats(open, result, where(dataset));
  return result.to(dtype);
}

void H5File::read_rows_into(const std::string& dataset, const Tensor& target, int64_t first_row,
                            int64_t num_rows) const {
  const OpenDataset open = open_dataset(id_, bytes_, dataset, where(dataset));
  const Shape expected = num_rows < 0 ? target.shape() : target.shape().with(0, num_rows);
  if (open.shape != expected)
    fail("{}: found shape {}, expected {}", where(dataset), open.shape.to_string(), expected.to_string());
  MODR_CHECK(num_rows < 0 || (first_row >= 0 && first_row + target.size(0) <= num_rows), "rows {} to {} of {}",
             first_row, first_row + target.size(0), num_rows);
  const DType stored = exact(target.dtype());
  const bool direct = target.is_contiguous() && target.dtype() == stored;
  const Tensor values = direct ? target : Tensor::empty(target.shape(), stored);
  read_floats(open, values, where(dataset), first_row);
  if (!direct) target.copy_from(values);
}

std::vector<int64_t> H5File::read_ints(const std::string& dataset) const {
  const OpenDataset open = open_dataset(id_, bytes_, dataset, where(dataset));
  if (H5Tget_class(open.type.id()) != H5T_INTEGER) fail("{}: not a dataset of integers", where(dataset));
  std::vector<int64_t> values(static_cast<std::size_t>(open.shape.numel()));
  if (!values.empty() &&
      H5Dread(open.dataset.id(), H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0)
    fail_hdf5(where(dataset), "cannot be read");
  return values;
}

std::string H5File::read_string(const std::string& dataset) const {
  const OpenDataset open = open_dataset(id_, bytes_, dataset, where(dataset));
  if (open.shape.numel() != 1) fail("{}: shape {}, expected one string", where(dataset), open.shape.to_string());
  const auto read = [&](hid_t type, void* out) {
    return H5Dread(open.dataset.id(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out);
  };
  return read_hdf5_text(open.type, open.space, bytes_, where(dataset), read);
}

// Without HDF5's own way of making the groups above: it would give those a time of birth.
void H5File::create_group(const std::string& group) {
  if (group.empty() || has(group)) return;
  create_group(above(group));
  const H5Handle properties(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
  H5Pset_obj_track_times(properties.id(), false);
  const H5Handle made(H5Gcreate2(id_, group.c_str(), H5P_DEFAULT, properties.id(), H5P_DEFAULT), H5Gclose);
  check_written(made.ok(), group);
}

void H5File::write_dataset(const std::string& dataset, const Shape& shape, int64_t type, const void* values) {
  create_group(above(dataset));
  const H5Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  if (shape.rank() > 0 && shape.numel() > 0) {  // scalars and empty datasets cannot be chunked
    const std::vector<hsize_t> chunk = chunk_sizes(shape, H5Tget_size(type));
    H5Pset_chunk(properties.id(), static_cast<int>(chunk.size()), chunk.data());
    H5Pset_fletcher32(properties.id());
  }
  H5Pset_obj_track_times(properties.id(), false);  // equal contents give equal files
  const H5Handle access(H5Pcreate(H5P_DATASET_ACCESS), H5Pclose);
  H5Pset_chunk_cache(access.id(), 0, 0, H5D_CHUNK_CACHE_W0_DEFAULT);  // so H5Dwrite writes, and fails, at once
  const std::vector<hsize_t> sizes(shape.dims().begin(), shape.dims().end());
  const H5Handle space(sizes.empty() ? H5Screate(H5S_SCALAR)
                                     : H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr),
                       H5Sclose);
  H5Handle made(H5Dcreate2(id_, dataset.c_str(), type, space.id(), H5P_DEFAULT, properties.id(), access.id()),
                H5Dclose);
  check_written(made.ok(), dataset);
  const bool written = shape.numel() == 0 || H5Dwrite(made.id(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0;
  check_written(written && made.close(), dataset);
}

void H5File::write_tensor(const std::string& dataset, const Tensor& tensor) {
  const Tensor values = tensor.contiguous();
  dispatch_exact(values.dtype(), [&]<typename T>() {
    write_dataset(dataset, values.shape(), std::is_same_v<T, float> ? H5T_IEEE_F32LE : H5T_IEEE_F64LE,
                  values.data<T>());
  });
}

void H5File::write_ints(const std::string& dataset, std::span<const int64_t> values, const Shape& shape) {
  MODR_CHECK(static_cast<int64_t>(values.size()) == shape.numel(), "{} values for shape {}", values.size(),
             shape.to_string());
  write_dataset(dataset, shape, H5T_STD_I64LE, values.data());
}

void H5File::write_string(const std::string& dataset, std::string_view text) {
  const H5Handle type = hdf5_text_type(text);
  const std::string value = text.empty() ? std::string(1, '\0') : std::string(text);
  write_dataset(dataset, {1}, type.id(), value.data());  // one row: a scalar could have no checksum
}

}  // namespace modr

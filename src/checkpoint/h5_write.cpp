// H5File's datasets: writing, in chunks with checksums.
#include "base/error.hpp"
#include "checkpoint/chunk_grid.hpp"
#include "checkpoint/h5_driver.hpp"
#include "checkpoint/h5_file.hpp"
#include "checkpoint/h5_float.hpp"
#include "checkpoint/h5_handle.hpp"
#include "checkpoint/h5_text.hpp"

namespace modr {

namespace {

// The group that an object is in; empty for the file itself.
std::string above(const std::string& object) {
  const auto slash = object.rfind('/');
  return slash == std::string::npos ? std::string() : object.substr(0, slash);
}

H5Handle space_of(const Shape& shape) {
  const std::vector<hsize_t> sizes(shape.dims().begin(), shape.dims().end());
  return {sizes.empty() ? H5Screate(H5S_SCALAR)
                        : H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr),
          H5Sclose};
}

}  // namespace

// Without HDF5's own way of making the groups above: it would give those a time of birth.
void H5File::create_group(const std::string& group) {
  const Hdf5Lock lock;
  if (group.empty() || has(group)) return;
  create_group(above(group));
  const H5Handle properties(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
  require_hdf5(H5Pset_obj_track_times(properties.id(), false), "no times");
  const H5Handle made(H5Gcreate2(id_, group.c_str(), H5P_DEFAULT, properties.id(), H5P_DEFAULT), H5Gclose);
  check_written(made.ok(), group);
}

int64_t H5File::make_dataset(const std::string& dataset, const Shape& shape, int64_t type) {
  create_group(above(dataset));
  const H5Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  if (shape.rank() > 0 && shape.numel() > 0) {  // scalars and empty datasets cannot be chunked
    const ChunkGrid grid(shape, H5Tget_size(type));
    const std::vector<hsize_t> chunk(grid.chunk().begin(), grid.chunk().end());
    require_hdf5(H5Pset_chunk(properties.id(), static_cast<int>(chunk.size()), chunk.data()), "the size of chunks");
    require_hdf5(H5Pset_fletcher32(properties.id()), "checksums");
  }
  require_hdf5(H5Pset_obj_track_times(properties.id(), false), "no times");  // equal contents give equal files
  const H5Handle access(H5Pcreate(H5P_DATASET_ACCESS), H5Pclose);
  // So H5Dwrite writes, and fails, at once.
  require_hdf5(H5Pset_chunk_cache(access.id(), 0, 0, H5D_CHUNK_CACHE_W0_DEFAULT), "no cache of chunks");
  const H5Handle space = space_of(shape);
  const hid_t made = H5Dcreate2(id_, dataset.c_str(), type, space.id(), H5P_DEFAULT, properties.id(), access.id());
  check_written(made >= 0, dataset);
  return made;
}

void H5File::write_dataset(const std::string& dataset, const Shape& shape, int64_t type, const void* values) {
  H5Handle made(make_dataset(dataset, shape, type), H5Dclose);
  const bool written = shape.numel() == 0 || H5Dwrite(made.id(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0;
  check_written(written && made.close(), dataset);
}

void H5File::write_tensor(const std::string& dataset, const Tensor& tensor) {
  const Hdf5Lock lock;
  const Tensor values = tensor.contiguous().to(cpu_device);
  const H5Handle type = hdf5_float_type(values.dtype());
  visit_dtype(values.dtype(), [&]<typename T>() {
    write_dataset(dataset, values.shape(), type.id(), values.data<T>());
  });
}

void H5File::write_ints(const std::string& dataset, std::span<const int64_t> values, const Shape& shape) {
  const Hdf5Lock lock;
  MODR_CHECK(static_cast<int64_t>(values.size()) == shape.numel(), "{} values for shape {}", values.size(),
             shape.to_string());
  write_dataset(dataset, shape, H5T_STD_I64LE, values.data());
}

void H5File::write_string(const std::string& dataset, std::string_view text) {
  const Hdf5Lock lock;
  const H5Handle type = hdf5_text_type(text);
  const std::string value = text.empty() ? std::string(1, '\0') : std::string(text);
  write_dataset(dataset, {1}, type.id(), value.data());  // one row: a scalar could have no checksum
}

}  // namespace modr

// H5File's datasets: the places of their chunks, for those who write and read these without HDF5.
#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "checkpoint/chunk_grid.hpp"
#include "checkpoint/fletcher32.hpp"
#include "checkpoint/h5_driver.hpp"
#include "checkpoint/h5_file.hpp"
#include "checkpoint/h5_float.hpp"
#include "checkpoint/h5_handle.hpp"

namespace modr {

namespace {

struct FoundChunk {
  haddr_t place = HADDR_UNDEF;
  hsize_t bytes = 0;
};

// The chunk that starts at these coordinates, as it stands in the file; without a place when a filter was left out.
FoundChunk find_chunk(const H5Handle& dataset, const std::vector<hsize_t>& start) {
  FoundChunk result;
  unsigned left_out = 0;
  const herr_t found = H5Dget_chunk_info_by_coord(dataset.id(), start.data(), &left_out, &result.place, &result.bytes);
  if (found < 0 || left_out != 0) result.place = HADDR_UNDEF;
  return result;
}

std::vector<hsize_t> start_of(const ChunkGrid& grid, int64_t chunk) {
  const std::vector<int64_t> first = grid.start(chunk);
  return {first.begin(), first.end()};
}

// Chunked as ChunkGrid says, with checksums and no other filter.
bool is_stored_by(const ChunkGrid& grid, const H5Handle& dataset) {
  const H5Handle properties(H5Dget_create_plist(dataset.id()), H5Pclose);
  if (H5Pget_layout(properties.id()) != H5D_CHUNKED || H5Pget_nfilters(properties.id()) != 1) return false;
  std::size_t no_values = 0;
  unsigned flags = 0;
  if (H5Pget_filter2(properties.id(), 0, &flags, &no_values, nullptr, 0, nullptr, nullptr) != H5Z_FILTER_FLETCHER32)
    return false;
  std::array<hsize_t, H5S_MAX_RANK> sizes{};
  const int rank = H5Pget_chunk(properties.id(), H5S_MAX_RANK, sizes.data());
  return rank >= 0 && std::equal(sizes.begin(), sizes.begin() + rank, grid.chunk().begin(), grid.chunk().end());
}

}  // namespace

std::vector<uint64_t> H5File::reserve_tensor(const std::string& dataset, const Shape& shape, DType dtype) {
  const Hdf5Lock lock;
  const ChunkGrid grid(shape, size_of(dtype));
  const H5Handle type = hdf5_float_type(dtype);
  H5Handle made(make_dataset(dataset, shape, type.id()), H5Dclose);
  const std::size_t chunk_bytes = grid.chunk_values() * size_of(dtype) + kFletcher32Bytes;
  const std::vector<std::byte> nothing(chunk_bytes);
  std::vector<uint64_t> places;
  for (int64_t chunk = 0; chunk < grid.count(); ++chunk) {
    const std::vector<hsize_t> start = start_of(grid, chunk);
    writing_->reserving = true;  // the driver drops the zeros
    const herr_t done = H5Dwrite_chunk(made.id(), H5P_DEFAULT, 0, start.data(), nothing.size(), nothing.data());
    writing_->reserving = false;
    check_written(done >= 0, dataset);
    const FoundChunk found = find_chunk(made, start);
    check_written(found.place != HADDR_UNDEF && found.bytes == nothing.size(), dataset);
    places.push_back(found.place);
  }
  check_written(made.close(), dataset);
  return places;
}

std::vector<uint64_t> H5File::chunk_places(const std::string& dataset, const Shape& shape, DType dtype) const {
  const Hdf5Lock lock;
  constexpr int64_t kMostChunks = 1 << 14;  // HDF5 1.10 looks for each among all
  if (shape.rank() == 0 || shape.numel() == 0 || dataset_shape(dataset) != shape) return {};
  const ChunkGrid grid(shape, size_of(dtype));
  const H5Handle opened(H5Dopen2(id_, dataset.c_str(), H5P_DEFAULT), H5Dclose);
  const H5Handle type(H5Dget_type(opened.id()), H5Tclose);
  std::vector<uint64_t> places;
  if (grid.count() <= kMostChunks && H5Tequal(type.id(), hdf5_float_type(dtype).id()) > 0 && is_stored_by(grid, opened))
    for (int64_t chunk = 0; chunk < grid.count(); ++chunk) {
      const FoundChunk found = find_chunk(opened, start_of(grid, chunk));
      const bool is_in_file = found.place <= bytes_ && found.bytes <= bytes_ - found.place;
      if (!is_in_file || found.bytes != grid.chunk_values() * size_of(dtype) + kFletcher32Bytes) break;
      places.push_back(found.place);
    }
  H5Eclear2(H5E_DEFAULT);
  return std::ssize(places) == grid.count() ? places : std::vector<uint64_t>();
}

int H5File::descriptor() const {
  const Hdf5Lock lock;
  void* handle = nullptr;
  if (H5Fget_vfd_handle(id_, H5P_DEFAULT, &handle) < 0 || handle == nullptr) fail_hdf5(where(""), "has no descriptor");
  return *static_cast<int*>(handle);
}

}  // namespace modr

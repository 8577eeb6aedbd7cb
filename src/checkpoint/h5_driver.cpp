#include "checkpoint/h5_driver.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>

#include "checkpoint/positioned_io.hpp"

namespace modr {

namespace {

[[maybe_unused]] constexpr int kDriverValue = 317;  // drivers of applications have 256 to 511

struct DriverInfo {
  H5WriteState* state;
};

// What HDF5 holds while the file is open. `base` must stand first: HDF5 sees only that.
struct WriteFile {
  H5FD_t base;
  int descriptor;
  haddr_t allocated;  // HDF5's "end of address": the space that it has given out
  haddr_t length;     // bytes written so far
  H5WriteState* state;
};

WriteFile* self(H5FD_t* file) { return reinterpret_cast<WriteFile*>(file); }
const WriteFile* self(const H5FD_t* file) { return reinterpret_cast<const WriteFile*>(file); }

H5FD_t* open_file(const char* name, unsigned, hid_t access, haddr_t) {
  const auto* info = static_cast<const DriverInfo*>(H5Pget_driver_info(access));
  const int descriptor = ::open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0) {
    info->state->error = errno;
    return nullptr;
  }
  return &(new WriteFile{{}, descriptor, 0, 0, info->state})->base;
}

herr_t close_file(H5FD_t* file) {
  const std::unique_ptr<WriteFile> owned(self(file));
  if (::close(owned->descriptor) < 0 && owned->state->error == 0) owned->state->error = errno;
  return 0;
}

herr_t query(const H5FD_t*, unsigned long* flags) {
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_AGGREGATE_SMALLDATA;
  return 0;
}

haddr_t allocated(const H5FD_t* file, H5FD_mem_t) { return self(file)->allocated; }
haddr_t length(const H5FD_t* file, H5FD_mem_t) { return self(file)->length; }

herr_t set_allocated(H5FD_t* file, H5FD_mem_t, haddr_t end) {
  self(file)->allocated = end;
  return 0;
}

herr_t read(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t at, std::size_t size, void* buffer) {
  auto* out = static_cast<char*>(buffer);
  while (size > 0) {
    const ssize_t count = ::pread(self(file)->descriptor, out, size, static_cast<off_t>(at));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return -1;
    if (count == 0) break;
    out += count;
    at += static_cast<haddr_t>(count);
    size -= static_cast<std::size_t>(count);
  }
  std::memset(out, 0, size);  // HDF5 expects zeros behind the end
  return 0;
}

herr_t write(H5FD_t* file, H5FD_mem_t kind, hid_t, haddr_t at, std::size_t size, const void* buffer) {
  WriteFile& written = *self(file);
  written.length = std::max<haddr_t>(written.length, at + size);
  const bool reserves = written.state->reserving && kind == H5FD_MEM_DRAW;
  if (written.state->error == 0 && !reserves)
    written.state->error = write_at(written.descriptor, at, {static_cast<const std::byte*>(buffer), size});
  return 0;
}

herr_t truncate(H5FD_t* file, hid_t, hbool_t) {
  WriteFile& written = *self(file);
  if (written.state->error == 0 && ::ftruncate(written.descriptor, static_cast<off_t>(written.allocated)) < 0)
    written.state->error = errno;
  written.length = written.allocated;
  return 0;
}

H5FD_class_t make_driver() {
  H5FD_class_t driver{};
#ifdef H5FD_CLASS_VERSION  // from HDF5 1.13 on, which refuses a driver of another version
  driver.version = H5FD_CLASS_VERSION;
  driver.value = kDriverValue;
#endif
  driver.name = "modr";
  driver.maxaddr = static_cast<haddr_t>(INT64_MAX);
  driver.fc_degree = H5F_CLOSE_WEAK;
  driver.fapl_size = sizeof(DriverInfo);
  driver.open = open_file;
  driver.close = close_file;
  driver.query = query;
  driver.get_eoa = allocated;
  driver.set_eoa = set_allocated;
  driver.get_eof = length;
  driver.read = read;
  driver.write = write;
  driver.truncate = truncate;
  constexpr H5FD_mem_t kMap[] = H5FD_FLMAP_DICHOTOMY;
  std::copy(std::begin(kMap), std::end(kMap), driver.fl_map);
  return driver;
}

}  // namespace

void use_write_driver(const H5Handle& access, H5WriteState* state) {
  static const H5FD_class_t driver = make_driver();
  const H5Handle id(H5FDregister(&driver), H5FDunregister);
  if (!id.ok()) fail_hdf5("HDF5", "does not take the driver that writes checkpoints");
  const DriverInfo info{state};
  require_hdf5(H5Pset_driver(access.id(), id.id(), &info), "the driver");  // takes a reference to the driver
}

}  // namespace modr

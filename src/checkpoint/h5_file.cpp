#include "checkpoint/h5_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <system_error>
#include <type_traits>
#include <utility>

#include "base/error.hpp"
#include "checkpoint/h5_driver.hpp"
#include "checkpoint/h5_handle.hpp"

namespace modr {

namespace {

static_assert(std::is_same_v<hid_t, int64_t>, "h5_file.hpp keeps HDF5 identifiers as int64_t");

H5Handle open_object(hid_t file, const std::string& object, const std::string& where) {
  H5Handle result(H5Oopen(file, object.empty() ? "/" : object.c_str(), H5P_DEFAULT), H5Oclose);
  if (!result.ok()) fail_reading(where, "cannot be opened", "no such group or dataset");
  return result;
}

H5Handle file_access() {
  H5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  require_hdf5(H5Pset_fclose_degree(access.id(), H5F_CLOSE_STRONG), "closing at once");
  // A checkpoint gets its name when it is whole, so nobody needs a lock; some cluster file systems have none.
  require_hdf5(H5Pset_file_locking(access.id(), false, true), "going without locks");
  return access;
}

// What H5Literate and H5Ovisit fill; exceptions may not cross the C library. (What these tell of a link or an object has
// another type in HDF5 1.10 and from 1.12 on, with the same member `type`.)
struct NameList {
  std::vector<std::string> names;
  bool out_of_memory = false;

  herr_t add(const char* name) noexcept {
    try {
      names.emplace_back(name);
      return 0;
    } catch (const std::bad_alloc&) {
      out_of_memory = true;
      return -1;
    }
  }
};

}  // namespace

H5File::H5File(std::filesystem::path path) : path_(std::move(path)) {}

H5File::H5File(H5File&& other) noexcept
    : path_(std::move(other.path_)), id_(std::exchange(other.id_, -1)), bytes_(other.bytes_),
      writing_(std::move(other.writing_)) {}

H5File& H5File::operator=(H5File&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(id_, other.id_);
  std::swap(bytes_, other.bytes_);
  std::swap(writing_, other.writing_);
  return *this;
}

H5File::~H5File() {
  const Hdf5Lock lock;
  if (id_ < 0) return;
  if (writing_ && writing_->error == 0) writing_->error = ECANCELED;  // see close(): an abandoned file
  H5Fclose(id_);
}

void check_is_hdf5(const std::filesystem::path& path) {
  const Hdf5Lock lock;
  silence_hdf5();
  const auto refuse = [&](std::string_view why) { throw WrongFile(fmt::format("{}: {}", path.string(), why)); };
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) refuse("no such file");
  if (error) refuse(error.message());
  if (std::filesystem::is_directory(status)) refuse("a folder, expected a file");
  if (!std::filesystem::is_regular_file(status)) refuse("not a file");
  const htri_t is_hdf5 = H5Fis_hdf5(path.c_str());
  if (is_hdf5 < 0) refuse("cannot be opened: " + take_hdf5_error());
  if (is_hdf5 == 0) refuse("not an HDF5 file");
}

H5File H5File::open(const std::filesystem::path& path) {
  const Hdf5Lock lock;
  check_is_hdf5(path);
  H5File file(path);
  std::error_code error;
  file.bytes_ = std::filesystem::file_size(path, error);
  if (error) fail("{}: {}", path.string(), error.message());
  const H5Handle access = file_access();
  file.id_ = H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.id());
  if (file.id_ < 0) fail_hdf5(path.string(), "damaged or cut short");
  return file;
}

H5File H5File::create(const std::filesystem::path& path) {
  const Hdf5Lock lock;
  silence_hdf5();
  H5File file(path);
  file.writing_ = std::make_unique<H5WriteState>();
  const H5Handle access = file_access();
  use_write_driver(access, file.writing_.get());
  // Large chunks start on pages of their own: ranks of different hosts write neighbouring ones.
  require_hdf5(H5Pset_alignment(access.id(), 1 << 16, 1 << 12), "the alignment of chunks");
  // The 1.10 format has checksums on all metadata; older libraries' formats have none.
  require_hdf5(H5Pset_libver_bounds(access.id(), H5F_LIBVER_V110, H5F_LIBVER_V110), "the format of HDF5 1.10");
  const H5Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  require_hdf5(H5Pset_obj_track_times(creation.id(), false), "no times");  // equal contents give equal files
  file.id_ = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation.id(), access.id());
  file.check_written(file.id_ >= 0, "");
  return file;
}

void H5File::close() {
  const Hdf5Lock lock;
  if (id_ < 0) return;
  const bool closed = H5Fclose(std::exchange(id_, -1)) >= 0;
  if (writing_) check_written(closed, "");
}

void H5File::check_written(bool done, const std::string& object) const {
  MODR_CHECK(writing_ != nullptr, "{} was opened for reading", path_.string());
  if (writing_->error != 0) fail("{}: cannot be written: {}", where(object), std::strerror(writing_->error));
  if (!done) fail_hdf5(where(object), "cannot be written");
}

std::string H5File::where(const std::string& object) const {
  return object.empty() ? path_.string() : fmt::format("{}: {}", path_.string(), object);
}

bool H5File::has(const std::string& object) const {
  const Hdf5Lock lock;
  // H5Lexists fails, rather than says no, when a group on the way is missing: ask for each in turn.
  for (std::size_t end = object.find_first_not_of('/'); end < object.size();) {
    end = std::min(object.find('/', end), object.size());
    if (H5Lexists(id_, object.substr(0, end).c_str(), H5P_DEFAULT) <= 0) {
      H5Eclear2(H5E_DEFAULT);
      return false;
    }
    end = object.find_first_not_of('/', end);
  }
  return true;
}

bool H5File::is_dataset(const std::string& object) const {
  const Hdf5Lock lock;
  return has(object) && H5Iget_type(open_object(id_, object, where(object)).id()) == H5I_DATASET;
}

std::vector<std::string> H5File::children(const std::string& group) const {
  const Hdf5Lock lock;
  const H5Handle object = open_object(id_, group, where(group));
  if (H5Iget_type(object.id()) != H5I_GROUP) fail("{}: a dataset, expected a group", where(group));
  const auto add = [](hid_t, const char* name, const auto* info, void* list) -> herr_t {
    return info->type == H5L_TYPE_HARD ? static_cast<NameList*>(list)->add(name) : 0;
  };
  NameList list;
  if (H5Literate(object.id(), H5_INDEX_NAME, H5_ITER_INC, nullptr, add, &list) < 0 || list.out_of_memory)
    fail_reading(where(group), "cannot be listed");
  return std::move(list.names);
}

std::vector<std::string> H5File::datasets(const std::string& group) const {
  const Hdf5Lock lock;
  const H5Handle object = open_object(id_, group, where(group));
  if (H5Iget_type(object.id()) != H5I_GROUP) fail("{}: a dataset, expected a group", where(group));
  const auto add = [](hid_t, const char* name, const auto* info, void* list) -> herr_t {
    return info->type == H5O_TYPE_DATASET ? static_cast<NameList*>(list)->add(name) : 0;
  };
  NameList list;
  if (H5Ovisit2(object.id(), H5_INDEX_NAME, H5_ITER_INC, add, &list, H5O_INFO_BASIC) < 0 || list.out_of_memory)
    fail_reading(where(group), "cannot be listed");
  std::sort(list.names.begin(), list.names.end());
  return std::move(list.names);
}

std::vector<std::string> H5File::attribute_names(const std::string& object) const {
  const Hdf5Lock lock;
  const auto add = [](hid_t, const char* name, const H5A_info_t*, void* list) -> herr_t {
    return static_cast<NameList*>(list)->add(name);
  };
  NameList list;
  hsize_t next = 0;
  if (H5Aiterate_by_name(id_, object.empty() ? "/" : object.c_str(), H5_INDEX_NAME, H5_ITER_INC, &next, add, &list,
                         H5P_DEFAULT) < 0 || list.out_of_memory)
    fail_reading(where(object), "attributes cannot be read");
  std::sort(list.names.begin(), list.names.end());
  return std::move(list.names);
}

}  // namespace modr

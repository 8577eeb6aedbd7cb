// H5File's attributes: of the file, of groups and of datasets.
#include "base/error.hpp"
#include "checkpoint/h5_file.hpp"
#include "checkpoint/h5_handle.hpp"
#include "checkpoint/h5_text.hpp"

namespace modr {

namespace {

struct OpenAttribute {
  H5Handle attribute, type, space;
};

const char* path_or_root(const std::string& object) { return object.empty() ? "/" : object.c_str(); }

OpenAttribute open_any_attribute(hid_t file, const std::string& object, const std::string& name,
                                 const std::string& where) {
  OpenAttribute result;
  result.attribute =
      H5Handle(H5Aopen_by_name(file, path_or_root(object), name.c_str(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  if (!result.attribute.ok())
    fail_reading(where, fmt::format("attribute '{}' cannot be opened", name),
                 fmt::format("no attribute '{}'", name));
  result.type = H5Handle(H5Aget_type(result.attribute.id()), H5Tclose);
  result.space = H5Handle(H5Aget_space(result.attribute.id()), H5Sclose);
  if (!result.type.ok() || !result.space.ok())
    fail_reading(where, fmt::format("attribute '{}' cannot be read", name));
  return result;
}

OpenAttribute open_attribute(hid_t file, const std::string& object, const std::string& name, const std::string& where,
                             std::size_t count = 1) {
  OpenAttribute result = open_any_attribute(file, object, name, where);
  if (const hssize_t found = H5Sget_simple_extent_npoints(result.space.id()); found != static_cast<hssize_t>(count))
    fail("{}: attribute '{}' holds {} values, expected {}", where, name, found, count);
  return result;
}

// All values of an attribute, which holds at most as many as fit into `max_bytes`.
template <typename T>
std::string numbers_text(const OpenAttribute& open, hid_t memory_type, uint64_t max_bytes, const std::string& what) {
  const hssize_t count = H5Sget_simple_extent_npoints(open.space.id());
  if (count < 0 || static_cast<uint64_t>(count) > max_bytes / H5Tget_size(open.type.id()))
    fail("{} claims {} values, more than the file holds", what, count);
  std::vector<T> values(static_cast<std::size_t>(count));
  if (count > 0 && H5Aread(open.attribute.id(), memory_type, values.data()) < 0) fail_reading(what, "cannot be read");
  return fmt::format("{}", fmt::join(values, ", "));
}

}  // namespace

std::string H5File::attribute_text(const std::string& object, const std::string& name) const {
  const Hdf5Lock lock;
  const OpenAttribute open = open_any_attribute(id_, object, name, where(object));
  const std::string what = fmt::format("{}: attribute '{}'", where(object), name);
  switch (H5Tget_class(open.type.id())) {
    case H5T_STRING: return "text " + attribute_string(object, name);
    case H5T_FLOAT: return "float " + numbers_text<double>(open, H5T_NATIVE_DOUBLE, bytes_, what);
    case H5T_INTEGER:
      if (H5Tget_sign(open.type.id()) == H5T_SGN_NONE)
        return "uint " + numbers_text<uint64_t>(open, H5T_NATIVE_UINT64, bytes_, what);
      return "int " + numbers_text<int64_t>(open, H5T_NATIVE_INT64, bytes_, what);
    default: return "other";  // no attribute of ours
  }
}

bool H5File::has_attribute(const std::string& object, const std::string& name) const {
  const Hdf5Lock lock;
  if (!has(object)) return false;
  const htri_t found = H5Aexists_by_name(id_, path_or_root(object), name.c_str(), H5P_DEFAULT);
  if (found < 0) fail_reading(where(object), "attributes cannot be read");
  return found > 0;
}

template <typename T>
T H5File::read_number(const std::string& object, const std::string& name, int64_t memory_type, bool floats) const {
  const OpenAttribute open = open_attribute(id_, object, name, where(object));
  const H5T_class_t kind = H5Tget_class(open.type.id());
  if (kind != H5T_INTEGER && !(floats && kind == H5T_FLOAT))
    fail("{}: attribute '{}' is not {}", where(object), name, floats ? "a number" : "an integer");
  T value{};
  if (H5Aread(open.attribute.id(), memory_type, &value) < 0)
    fail_reading(where(object), fmt::format("attribute '{}' cannot be read", name));
  return value;
}

int64_t H5File::attribute_int(const std::string& object, const std::string& name) const {
  const Hdf5Lock lock;
  return read_number<int64_t>(object, name, H5T_NATIVE_INT64, false);
}

uint64_t H5File::attribute_uint(const std::string& object, const std::string& name) const {
  const Hdf5Lock lock;
  return read_number<uint64_t>(object, name, H5T_NATIVE_UINT64, false);
}

double H5File::attribute_double(const std::string& object, const std::string& name) const {
  const Hdf5Lock lock;
  return read_number<double>(object, name, H5T_NATIVE_DOUBLE, true);
}

std::string H5File::attribute_string(const std::string& object, const std::string& name) const {
  const Hdf5Lock lock;
  const OpenAttribute open = open_attribute(id_, object, name, where(object));
  const auto read = [&](hid_t type, void* out) { return H5Aread(open.attribute.id(), type, out); };
  return read_hdf5_text(open.type, open.space, bytes_, fmt::format("{}: attribute '{}'", where(object), name), read);
}

std::vector<uint64_t> H5File::attribute_uints(const std::string& object, const std::string& name,
                                              std::size_t count) const {
  const Hdf5Lock lock;
  const OpenAttribute open = open_attribute(id_, object, name, where(object), count);
  if (H5Tget_class(open.type.id()) != H5T_INTEGER) fail("{}: attribute '{}' is not of integers", where(object), name);
  std::vector<uint64_t> values(count);
  if (H5Aread(open.attribute.id(), H5T_NATIVE_UINT64, values.data()) < 0)
    fail_reading(where(object), fmt::format("attribute '{}' cannot be read", name));
  return values;
}

void H5File::write_attribute(const std::string& object, const std::string& name, int64_t type, int64_t space,
                             const void* values) {
  H5Handle attribute(H5Acreate_by_name(id_, path_or_root(object), name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT,
                                       H5P_DEFAULT),
                     H5Aclose);
  const bool written = attribute.ok() && H5Awrite(attribute.id(), type, values) >= 0 && attribute.close();
  check_written(written, object);
}

void H5File::write_scalar(const std::string& object, const std::string& name, int64_t type, const void* value) {
  const H5Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  write_attribute(object, name, type, space.id(), value);
}

void H5File::set_attribute_uints(const std::string& object, const std::string& name,
                                 std::span<const uint64_t> values) {
  const Hdf5Lock lock;
  const hsize_t count = values.size();
  const H5Handle space(H5Screate_simple(1, &count, nullptr), H5Sclose);
  write_attribute(object, name, H5T_NATIVE_UINT64, space.id(), values.data());
}

void H5File::set_attribute_int(const std::string& object, const std::string& name, int64_t value) {
  const Hdf5Lock lock;
  write_scalar(object, name, H5T_NATIVE_INT64, &value);
}

void H5File::set_attribute_uint(const std::string& object, const std::string& name, uint64_t value) {
  const Hdf5Lock lock;
  write_scalar(object, name, H5T_NATIVE_UINT64, &value);
}

void H5File::set_attribute_double(const std::string& object, const std::string& name, double value) {
  const Hdf5Lock lock;
  write_scalar(object, name, H5T_NATIVE_DOUBLE, &value);
}

void H5File::set_attribute_string(const std::string& object, const std::string& name, std::string_view text) {
  const Hdf5Lock lock;
  const H5Handle type = hdf5_text_type(text);
  const std::string value = text.empty() ? std::string(1, '\0') : std::string(text);
  write_scalar(object, name, type.id(), value.data());
}

}  // namespace modr

#include "checkpoint/h5_text.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace modr {

namespace {

std::string without_padding(std::string text, H5T_str_t padding) {
  if (padding == H5T_STR_NULLTERM) {
    text.resize(std::min(text.find('\0'), text.size()));
  } else {
    text.resize(text.find_last_not_of(padding == H5T_STR_SPACEPAD ? ' ' : '\0') + 1);
  }
  return text;
}

}  // namespace

H5Handle hdf5_text_type(std::string_view text) {
  H5Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  require_hdf5(H5Tset_size(type.id(), std::max<std::size_t>(text.size(), 1)), "the length of a text");
  require_hdf5(H5Tset_strpad(type.id(), H5T_STR_NULLPAD), "the end of a text");
  require_hdf5(H5Tset_cset(type.id(), H5T_CSET_UTF8), "UTF-8");
  return type;
}

std::string read_hdf5_text(const H5Handle& type, const H5Handle& space, uint64_t max_bytes, const std::string& what,
                           const std::function<herr_t(hid_t memory_type, void* out)>& read) {
  if (H5Tget_class(type.id()) != H5T_STRING) fail("{} is not a string", what);
  if (H5Tis_variable_str(type.id()) > 0) {
    char* value = nullptr;
    if (read(type.id(), &value) < 0) fail_reading(what, "cannot be read");
    std::string text = value == nullptr ? "" : value;
    H5Dvlen_reclaim(type.id(), space.id(), H5P_DEFAULT, &value);
    return text;
  }
  const std::size_t size = H5Tget_size(type.id());
  if (size > max_bytes) fail("{} claims {} bytes, more than the whole file ({})", what, size, max_bytes);
  std::string text(size, '\0');
  if (read(type.id(), text.data()) < 0) fail_reading(what, "cannot be read");
  return without_padding(std::move(text), H5Tget_strpad(type.id()));
}

}  // namespace modr

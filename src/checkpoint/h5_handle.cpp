#include "checkpoint/h5_handle.hpp"

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "base/error.hpp"

namespace modr {

void silence_hdf5() { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }

std::string take_hdf5_error() {
  constexpr std::size_t kLength = 512;
  char text[kLength] = "HDF5 gives no reason";
  const auto keep_innermost = [](unsigned depth, const H5E_error2_t* error, void* out) -> herr_t {
    if (depth == 0 && error->desc != nullptr) std::snprintf(static_cast<char*>(out), kLength, "%s", error->desc);
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, text);
  H5Eclear2(H5E_DEFAULT);
  // A failed read or write is told with time, pointer and descriptor; the system's message alone is for people.
  std::string reason = text;
  constexpr std::string_view kMark = "error message = '";
  if (const auto begin = reason.find(kMark); begin != std::string::npos) {
    reason = reason.substr(begin + kMark.size());
    reason.resize(std::min(reason.find('\''), reason.size()));
  }
  std::replace(reason.begin(), reason.end(), '\n', ' ');
  return reason;
}

void fail_hdf5(const std::string& where, const std::string& what) {
  fail("{}: {}: {}", where, what, take_hdf5_error());
}

}  // namespace modr

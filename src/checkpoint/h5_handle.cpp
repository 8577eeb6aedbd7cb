#include "checkpoint/h5_handle.hpp"

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "base/error.hpp"

namespace modr {

void silence_hdf5() { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }

namespace {

struct Failure {
  std::string reason;
  bool is_missing = false;  // what was asked for is not there, or something else is
  bool of_system = false;
};

Failure take_failure() {
  constexpr std::size_t kLength = 512;
  struct Innermost {
    char text[kLength] = "HDF5 gives no reason";
    hid_t kind = H5I_INVALID_HID;
  } innermost;
  const auto keep = [](unsigned depth, const H5E_error2_t* error, void* out) -> herr_t {
    if (depth != 0) return 0;
    auto* kept = static_cast<Innermost*>(out);
    if (error->desc != nullptr) std::snprintf(kept->text, kLength, "%s", error->desc);
    kept->kind = error->min_num;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep, &innermost);
  Failure failure{innermost.text, innermost.kind == H5E_NOTFOUND || innermost.kind == H5E_BADTYPE, false};
  H5Eclear2(H5E_DEFAULT);
  // A failed read or write is told with time, pointer and descriptor; the system's message alone is for people.
  std::string& reason = failure.reason;
  constexpr std::string_view kMark = "error message = '";
  if (const auto begin = reason.find(kMark); begin != std::string::npos) {
    failure.of_system = true;
    reason = reason.substr(begin + kMark.size());
    reason.resize(std::min(reason.find('\''), reason.size()));
  }
  std::replace(reason.begin(), reason.end(), '\n', ' ');
  // (HDF5 1.10 tells which filter.)
  if (reason == "filter returned failure during read") reason += ": a wrong checksum, or compression that is damaged";
  return failure;
}

}  // namespace

std::string take_hdf5_error() { return take_failure().reason; }

void fail_hdf5(const std::string& where, const std::string& what) {
  fail("{}: {}: {}", where, what, take_hdf5_error());
}

void fail_reading(const std::string& where, const std::string& what, const std::string& missing) {
  const Failure failure = take_failure();
  if (failure.is_missing && !missing.empty()) fail("{}: {}: {}", where, missing, failure.reason);
  fail("{}: {}{}: {}", where, what, failure.of_system ? "" : ", the file is damaged", failure.reason);
}

void require_hdf5(herr_t result, const char* setting) {
  if (result < 0) fail_hdf5("HDF5", fmt::format("{} cannot be set", setting));
}

}  // namespace modr

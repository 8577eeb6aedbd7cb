#pragma once
// Private to this room: strings in HDF5 attributes and datasets.
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "checkpoint/h5_handle.hpp"

namespace modr {

/// The fixed-length UTF-8 type that holds `text` (at least one byte: HDF5 has no empty strings).
H5Handle hdf5_text_type(std::string_view text);

/// One string of fixed or variable length, without its padding; `read` is H5Aread or H5Dread on the open object.
/// Throws Error, starting with `what`, when it is not a string or longer than `max_bytes`.
std::string read_hdf5_text(const H5Handle& type, const H5Handle& space, uint64_t max_bytes, const std::string& what,
                           const std::function<herr_t(hid_t memory_type, void* out)>& read);

}  // namespace modr

#pragma once
// Private to this room: how HDF5 writes a new file.
#include "checkpoint/h5_handle.hpp"

namespace modr {

/// Makes files created with the access list `access` go through a driver of our own. HDF5's drivers report a failed
/// write (a full disk) to HDF5, which cannot close such a file: it tries again, and crashes when the program ends.
/// This one keeps the first failure as an errno in `*error`, tells HDF5 that all is well and drops the rest, so that
/// closing always works; the caller looks at `*error`, which must outlive the file, after every step. Setting it to
/// anything but 0 abandons the file.
void use_write_driver(const H5Handle& access, int* error);

}  // namespace modr

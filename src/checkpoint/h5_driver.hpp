#pragma once
// Private to this room: how HDF5 writes a new file.
#include "checkpoint/h5_handle.hpp"

namespace modr {

/// What the driver and the owner of a file that is written tell each other.
struct H5WriteState {
  int error = 0;           ///< errno of the first failure, or 0; anything else that is put there abandons the file
  bool reserving = false;  ///< values of datasets get their places in the file, but are not written
};

/// Makes files created with the access list `access` go through a driver of our own. HDF5's drivers report a failed
/// write (a full disk) to HDF5, which cannot close such a file: it tries again, and crashes when the program ends.
/// This one keeps the first failure in `state->error`, tells HDF5 that all is well and drops the rest, so that closing
/// always works; the caller looks at it, in a state that must outlive the file, after every step.
void use_write_driver(const H5Handle& access, H5WriteState* state);

}  // namespace modr

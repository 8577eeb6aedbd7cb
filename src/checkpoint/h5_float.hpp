#pragma once
// Private to this room: how HDF5 stores floating-point numbers.
#include "base/dtype.hpp"
#include "checkpoint/h5_handle.hpp"

namespace modr {

/// The type in a file for values of a dtype, little-endian. HDF5 knows no bfloat16 by name, but floats of any make, and
/// converts them.
H5Handle hdf5_float_type(DType dtype);

}  // namespace modr

#include "checkpoint/h5_float.hpp"

namespace modr {

H5Handle hdf5_float_type(DType dtype) {
  H5Handle type(H5Tcopy(dtype == DType::f64 ? H5T_IEEE_F64LE : H5T_IEEE_F32LE), H5Tclose);
  if (dtype != DType::bf16) return type;
  require_hdf5(H5Tset_fields(type.id(), /*sign*/ 15, /*exponent*/ 7, 8, /*mantissa*/ 0, 7), "the bits of bf16");
  require_hdf5(H5Tset_size(type.id(), 2), "the size of bf16");
  require_hdf5(H5Tset_ebias(type.id(), 127), "the exponents of bf16");
  return type;
}

}  // namespace modr

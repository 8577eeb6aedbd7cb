#pragma once
// The kernels of a program without CUDA compute nothing. One file a header of api/.
#include "base/dtype.hpp"
#include "base/error.hpp"

namespace modr::kernels {

[[noreturn]] inline void missing() { fail("this program was built without CUDA"); }

}  // namespace modr::kernels

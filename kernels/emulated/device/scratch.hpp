#pragma once
// What a piece of memory is used for. (kernels/cuda/device/scratch.hpp is the GPU's.)
#include "kernels/emulated/control.hpp"

namespace modr::kernels {

using emulated::limit_memory;

}  // namespace modr::kernels

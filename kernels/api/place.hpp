#pragma once

namespace modr::kernels {

/// Where a kernel runs is the type of its first argument. Pointers are the place's own; what a kernel computes it
/// writes into memory of the place and never returns.
struct Cpu {};

/// A GPU: work is put in order on one of its streams (a cudaStream_t).
struct Cuda {
  int device = 0;
  void* stream = nullptr;
};

}  // namespace modr::kernels

#include "kernels/api/transfer.hpp"
#include "kernels/no_cuda/missing.hpp"

namespace modr::kernels {

void copy_to_device(Cuda, const void*, std::size_t, void*) { missing(); }
void copy_to_host(Cuda, const void*, std::size_t, void*) { missing(); }

}  // namespace modr::kernels

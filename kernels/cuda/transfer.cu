#include "kernels/api/transfer.hpp"

#include "kernels/cuda/launch.hpp"

namespace modr::kernels {

// (From pinned memory CUDA may read later than the call returns: hence the wait.)
void copy_to_device(Cuda on, const void* from, std::size_t bytes, void* to) {
  if (bytes == 0) return;
  const cudaStream_t stream = stream_of(on);
  check_cuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream), "copy to the device");
  check_cuda(cudaStreamSynchronize(stream), "copy to the device");
}

void copy_to_host(Cuda on, const void* from, std::size_t bytes, void* to) {
  if (bytes == 0) return;
  const cudaStream_t stream = stream_of(on);
  check_cuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream), "copy to the host");
  check_cuda(cudaStreamSynchronize(stream), "copy to the host");
}

}  // namespace modr::kernels

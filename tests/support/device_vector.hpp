#pragma once
// Values in the memory of the device, CUDA's or the emulated one: what was never written is NaN.
#include <cuda_runtime.h>

#include <vector>

#include "kernels/cuda/launch.hpp"

namespace modr::test {

template <typename T>
class DeviceVector {
 public:
  explicit DeviceVector(std::size_t size) : size_(size) {
    if (size == 0) return;
    kernels::check_cuda(cudaMalloc(&data_, size * sizeof(T)), "cudaMalloc");
    kernels::check_cuda(cudaMemsetAsync(data_, 0xff, size * sizeof(T)), "NaNs");
    kernels::check_cuda(cudaDeviceSynchronize(), "NaNs");
  }
  explicit DeviceVector(const std::vector<T>& values) : DeviceVector(values.size()) {
    kernels::check_cuda(cudaMemcpy(data_, values.data(), bytes(), cudaMemcpyHostToDevice), "cudaMemcpy");
  }
  ~DeviceVector() { cudaFree(data_); }
  DeviceVector(const DeviceVector&) = delete;
  DeviceVector& operator=(const DeviceVector&) = delete;

  T* data() const { return data_; }
  std::size_t size() const { return size_; }
  std::size_t bytes() const { return size_ * sizeof(T); }

  /// Waits for the whole device.
  std::vector<T> values() const {
    std::vector<T> values(size_);
    kernels::check_cuda(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    kernels::check_cuda(cudaMemcpy(values.data(), data_, bytes(), cudaMemcpyDeviceToHost), "cudaMemcpy");
    return values;
  }

 private:
  T* data_ = nullptr;
  std::size_t size_;
};

/// A stream that waits for no other.
class DeviceStream {
 public:
  DeviceStream() { kernels::check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "a stream"); }
  ~DeviceStream() { cudaStreamDestroy(stream_); }
  DeviceStream(const DeviceStream&) = delete;
  DeviceStream& operator=(const DeviceStream&) = delete;

  cudaStream_t get() const { return stream_; }
  kernels::Cuda place() const { return {0, stream_}; }

 private:
  cudaStream_t stream_ = nullptr;
};

}  // namespace modr::test

// A process's GPUs: their streams and their memory.
#include "kernels/api/gpu.hpp"

#include <map>
#include <mutex>

#include "kernels/cuda/launch.hpp"

namespace modr::kernels {

int gpu_count() {
  int count = 0;
  if (cudaGetDeviceCount(&count) == cudaSuccess) return count;
  cudaGetLastError();  // it is not the next call's
  return 0;
}

namespace {

cudaMemPool_t pool_of(int device) {
  cudaMemPool_t pool = nullptr;
  check_cuda(cudaDeviceGetDefaultMemPool(&pool, device), "the pool of the device's memory");
  return pool;
}

Cuda open_gpu(int device) {
  const std::string name = "cuda:" + std::to_string(device);
  int count = 0;
  if (const cudaError_t error = cudaGetDeviceCount(&count); error != cudaSuccess) {
    cudaGetLastError();
    throw Error(name + ": there is no usable GPU here: " + cudaGetErrorString(error));
  }
  if (device < 0 || device >= count)
    throw Error(name + ": this process sees " + std::to_string(count) + " GPU" + (count == 1 ? "" : "s"));
  check_cuda(cudaSetDevice(device), (name + ": choice of the device").c_str());
  cudaStream_t stream = nullptr;
  check_cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), (name + ": its stream").c_str());
  uint64_t keep_all = UINT64_MAX;  // training asks for the same sizes at every step
  check_cuda(cudaMemPoolSetAttribute(pool_of(device), cudaMemPoolAttrReleaseThreshold, &keep_all),
             "the pool of the device's memory");
  return {device, stream};
}

std::size_t attribute_of(cudaMemPool_t pool, cudaMemPoolAttr attribute) {
  uint64_t value = 0;
  check_cuda(cudaMemPoolGetAttribute(pool, attribute, &value), "what the pool holds");
  return value;
}

}  // namespace

Cuda place_of_gpu(int device) {
  static std::mutex mutex;
  static std::map<int, Cuda>& places = *new std::map<int, Cuda>;  // static tensors may outlive any order of exit
  const std::lock_guard lock(mutex);
  const auto found = places.find(device);
  return found != places.end() ? found->second : places.emplace(device, open_gpu(device)).first->second;
}

std::byte* allocate(Cuda on, std::size_t bytes) {
  const cudaStream_t stream = stream_of(on);
  void* memory = nullptr;
  const auto take = [&] { return cudaMallocAsync(&memory, bytes == 0 ? 1 : bytes, stream); };
  cudaError_t error = take();
  if (error == cudaErrorMemoryAllocation) {  // the pool's pieces may be too small where all of them together are not
    cudaGetLastError();
    synchronize(on);
    check_cuda(cudaMemPoolTrimTo(pool_of(on.device), 0), "giving back of memory");
    error = take();
  }
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    return nullptr;
  }
  check_cuda(error, "memory of the device");
  return static_cast<std::byte*>(memory);
}

void release(Cuda on, std::byte* memory) noexcept {
  if (cudaSetDevice(on.device) == cudaSuccess) cudaFreeAsync(memory, static_cast<cudaStream_t>(on.stream));
}

GpuMemory memory_of(Cuda on) {
  stream_of(on);
  GpuMemory memory{};
  check_cuda(cudaMemGetInfo(&memory.free, &memory.total), "memory of the device");
  const cudaMemPool_t pool = pool_of(on.device);
  memory.in_use = attribute_of(pool, cudaMemPoolAttrUsedMemCurrent);
  memory.at_most = attribute_of(pool, cudaMemPoolAttrUsedMemHigh);
  memory.held = attribute_of(pool, cudaMemPoolAttrReservedMemCurrent);
  return memory;
}

void reset_at_most(Cuda on) {
  uint64_t to_now = 0;
  check_cuda(cudaMemPoolSetAttribute(pool_of(on.device), cudaMemPoolAttrUsedMemHigh, &to_now),
             "what the pool holds at most");
}

void copy_to_device(Cuda on, const void* from, std::size_t bytes, void* to) {
  if (bytes == 0) return;
  check_cuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream_of(on)), "copy to the device");
}

void copy_to_host(Cuda on, const void* from, std::size_t bytes, void* to) {
  if (bytes == 0) return;
  check_cuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_of(on)), "copy to the host");
  synchronize(on);
}

void synchronize(Cuda on) { check_cuda(cudaStreamSynchronize(stream_of(on)), "work of the device"); }

}  // namespace modr::kernels

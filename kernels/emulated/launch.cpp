// How a kernel starts, what it may be given, and what the device says of itself.
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <span>

#include "base/error.hpp"
#include "kernels/emulated/device.hpp"
#include "kernels/emulated/sanitizers.hpp"
#include "kernels/emulated/scheduler.hpp"

namespace modr::emulated {

namespace {

constexpr std::size_t usual_shared_bytes = 48 << 10, most_shared_bytes = 227 << 10;

bool is_possible(const dim3& blocks, const dim3& threads) {
  const bool some = count(blocks) > 0 && count(threads) > 0;
  return some && blocks.x <= 0x7fffffffu && blocks.y <= 65535 && blocks.z <= 65535 && threads.x <= 1024 &&
         threads.y <= 1024 && threads.z <= 64 && count(threads) <= Scheduler::most_threads;
}

// Whether there is memory of this program at `address`.
bool is_mapped(uint64_t address) {
  constexpr uint64_t page = 4096;
  unsigned char resident;
  return mincore(reinterpret_cast<void*>(address / page * page), 1, &resident) == 0;
}

}  // namespace

cudaError_t enqueue_kernel(const cudaLaunchConfig_t& config, const void* kernel, std::function<void()> body) {
  return call([&](Device& d) {
    const auto limit = d.shared_limits.find(kernel);
    const std::size_t shared = limit == d.shared_limits.end() ? usual_shared_bytes : limit->second;
    if (!is_possible(config.gridDim, config.blockDim)) return cudaErrorInvalidConfiguration;
    if (config.dynamicSmemBytes > shared) return cudaErrorInvalidValue;
    bool early = false;
    for (const cudaLaunchAttribute& each : std::span(config.attrs, config.numAttrs))
      if (each.id == cudaLaunchAttributeProgrammaticStreamSerialization)
        early = each.val.programmaticStreamSerializationAllowed != 0;
    d.enqueue(config.stream, [config, early, body = std::move(body)] {
      scheduler.run({config.gridDim, config.blockDim, config.dynamicSmemBytes, &body, early});
    });
    return cudaSuccess;
  });
}

void check_pointer(const void* value) {
  Device& d = device();
  const std::lock_guard lock(d.mutex);
  if (value != nullptr && !d.reaches(value, 0))
    fail("emulated device: a kernel is given {}, which is no address of the device's memory", value);
}

// Numbers are words too: only what would be an address of this program is taken for one, and nothing with sanitizers,
// whose tables are mapped at small numbers.
void check_words(const void* value, std::size_t bytes) {
  constexpr uint64_t least = uint64_t{1} << 32, most = uint64_t{1} << 47;
  if (__asan_poison_memory_region != nullptr || races_are_sought()) return;
  Device& d = device();
  const std::lock_guard lock(d.mutex);
  for (std::size_t at = 0; at + sizeof(uint64_t) <= bytes; at += sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, static_cast<const char*>(value) + at, sizeof word);
    const auto* address = reinterpret_cast<const void*>(word);
    if (word >= least && word < most && !d.reaches(address, 0) && is_mapped(word))
      fail("emulated device: a kernel is given {} in a struct, which is no address of the device's memory", address);
  }
}

}  // namespace modr::emulated

using namespace modr::emulated;

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  return call([&](Device& d) {
    const bool good = attribute == cudaFuncAttributeMaxDynamicSharedMemorySize && value >= 0;
    if (!good || static_cast<std::size_t>(value) > most_shared_bytes) return cudaErrorInvalidValue;
    d.shared_limits[kernel] = static_cast<std::size_t>(value);
    return cudaSuccess;
  });
}

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "no error";
    case cudaErrorInvalidValue: return "invalid argument";
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorInvalidConfiguration: return "invalid configuration argument";
    case cudaErrorNoDevice: return "no CUDA-capable device is detected";
    case cudaErrorInvalidDevice: return "invalid device ordinal";
    case cudaErrorNotReady: return "device not ready";
    case cudaErrorLaunchFailure: return "unspecified launch failure";
    case cudaErrorStreamCaptureUnsupported: return "operation not permitted when stream is capturing";
    case cudaErrorStreamCaptureInvalidated: return "operation failed due to a previous error during capture";
    case cudaErrorStreamCaptureUnjoined: return "capturing stream has unjoined work";
  }
  return "unrecognized error code";
}

cudaError_t cudaGetLastError() { return cudaSuccess; }
cudaError_t cudaGetDeviceCount(int* devices) {
  *devices = 1;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* index) {
  *index = 0;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr, int index) {
  if (index != 0) return cudaErrorInvalidDevice;
  *value = 3;  // multiprocessors: an odd number, which divides little
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int index) { return index == 0 ? cudaSuccess : cudaErrorInvalidDevice; }

namespace {
std::atomic<int64_t> bus_id = -1;  // -1: the process's
}
void modr::emulated::set_bus_id(int64_t number) { bus_id = number; }

cudaError_t cudaDeviceGetPCIBusId(char* text, int length, int index) {
  if (index != 0) return cudaErrorInvalidDevice;
  const int64_t number = bus_id < 0 ? int64_t{getpid()} : bus_id.load();
  std::snprintf(text, static_cast<std::size_t>(length), "%08llx:00:00.0", static_cast<unsigned long long>(number));
  return cudaSuccess;
}

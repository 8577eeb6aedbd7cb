// Memory of the device and pinned memory of the host, and copies between them.
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/error.hpp"
#include "kernels/emulated/device.hpp"
#include "kernels/emulated/guard.hpp"

using namespace modr::emulated;

cudaError_t cudaMalloc(void** memory, std::size_t bytes) {
  return call([&](Device& d) {
    if (d.is_forbidden_by_capture()) return cudaErrorStreamCaptureUnsupported;
    if (bytes == 0) *memory = nullptr;
    else if (void* block = d.allocate(d.device_memory, bytes)) *memory = block;
    else return cudaErrorMemoryAllocation;
    return cudaSuccess;
  });
}

// What a captured stream asks for belongs to the graph.
cudaError_t cudaMallocAsync(void** memory, std::size_t bytes, cudaStream_t stream) {
  return call([&](Device& d) {
    if (bytes == 0) return cudaErrorInvalidValue;
    void* block = d.allocate(d.device_memory, bytes);
    if (block == nullptr) return cudaErrorMemoryAllocation;
    *memory = block;
    if (stream != nullptr && stream->capture != nullptr)
      stream->capture->memory.emplace_back(*memory, [&d](void* owned) { d.release(d.device_memory, owned); });
    return cudaSuccess;
  });
}

cudaError_t cudaFree(void* memory) {
  return call_of_destructor([&](Device& d) {
    if (memory == nullptr) return cudaSuccess;
    if (d.is_forbidden_by_capture()) return cudaErrorStreamCaptureUnsupported;
    d.drain_all();
    return d.release(d.device_memory, memory) ? cudaSuccess : cudaErrorInvalidValue;
  });
}

cudaError_t cudaFreeAsync(void* memory, cudaStream_t stream) {
  return call_of_destructor([&](Device& d) {
    const auto found = d.device_memory.find(static_cast<char*>(memory));
    if (found == d.device_memory.end() || found->second.released) return cudaErrorInvalidValue;
    if (stream != nullptr && stream->capture != nullptr) return cudaSuccess;
    found->second.released = true;
    d.enqueue(stream, [&d, memory] { d.release(d.device_memory, memory); });
    return cudaSuccess;
  });
}

cudaError_t cudaMallocHost(void** memory, std::size_t bytes) {
  return call([&](Device& d) {
    if (d.is_forbidden_by_capture()) return cudaErrorStreamCaptureUnsupported;
    *memory = d.allocate(d.pinned_memory, bytes);
    return cudaSuccess;
  });
}

cudaError_t cudaFreeHost(void* memory) {
  return call_of_destructor([&](Device& d) {
    if (memory == nullptr) return cudaSuccess;
    d.drain_all();
    return d.release(d.pinned_memory, memory) ? cudaSuccess : cudaErrorInvalidValue;
  });
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  return call([&](Device& d) {
    *total = d.pool.total;
    *free = d.pool.total - d.pool.in_use;
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int device) {
  return call([&](Device& d) {
    if (device != 0) return cudaErrorInvalidDevice;
    *pool = &d.pool;
    return cudaSuccess;
  });
}

cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  return call([&](Device&) {
    const bool now = attribute == cudaMemPoolAttrUsedMemCurrent || attribute == cudaMemPoolAttrReservedMemCurrent;
    if (!now && attribute != cudaMemPoolAttrUsedMemHigh && attribute != cudaMemPoolAttrReservedMemHigh)
      return cudaErrorInvalidValue;
    *static_cast<uint64_t*>(value) = now ? pool->in_use : pool->at_most;
    return cudaSuccess;
  });
}

// The highest may only be set to what there is now, which is said as 0.
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  return call([&](Device&) {
    if (attribute == cudaMemPoolAttrReleaseThreshold) return cudaSuccess;
    const bool highest = attribute == cudaMemPoolAttrUsedMemHigh || attribute == cudaMemPoolAttrReservedMemHigh;
    if (!highest || *static_cast<uint64_t*>(value) != 0) return cudaErrorInvalidValue;
    pool->at_most = pool->in_use;
    return cudaSuccess;
  });
}

cudaError_t cudaMemPoolTrimTo(cudaMemPool_t, std::size_t) {
  return call([](Device&) { return cudaSuccess; });
}

namespace {

void check_end(const Device& d, const char* what, bool on_device, const void* memory, std::size_t bytes) {
  if (d.holds(d.device_memory, memory, bytes) == on_device) return;
  modr::fail("emulated device: a copy of {} bytes {} memory that is not the {}'s, or past its end", bytes, what,
       on_device ? "device" : "host");
}

void check_copy(const Device& d, const void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  if (kind == cudaMemcpyDefault || bytes == 0) return;
  check_end(d, "to", kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice, to, bytes);
  check_end(d, "from", kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice, from, bytes);
}

Work copy_of(void* to, const void* from, std::size_t bytes) {
  return [=] {
    if (bytes > 0) std::memcpy(to, from, bytes);
  };
}

}  // namespace

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  return call([&](Device& d) {
    if (d.is_forbidden_by_capture()) return cudaErrorStreamCaptureUnsupported;
    check_copy(d, to, from, bytes, kind);
    d.enqueue(nullptr, copy_of(to, from, bytes));
    d.drain(d.default_stream);
    return cudaSuccess;
  });
}

// From pageable memory a copy has read what it copies, and to such memory it is done, when the call returns.
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  return call([&](Device& d) {
    check_copy(d, to, from, bytes, kind);
    const bool captured = stream != nullptr && stream->capture != nullptr;
    if (!d.reaches(from, bytes) && !captured && bytes > 0) {
      std::vector<char> read(static_cast<const char*>(from), static_cast<const char*>(from) + bytes);
      d.enqueue(stream, [=, read = std::move(read)] { std::memcpy(to, read.data(), read.size()); });
      return cudaSuccess;
    }
    d.enqueue(stream, copy_of(to, from, bytes));
    if (!d.reaches(to, bytes) && !captured) d.drain(stream == nullptr ? d.default_stream : *stream);
    return cudaSuccess;
  });
}

cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  return call([&](Device& d) {
    check_copy(d, to, to, bytes, cudaMemcpyDeviceToDevice);
    d.enqueue(stream, [=] {
      if (bytes > 0) std::memset(to, value, bytes);
    });
    return cudaSuccess;
  });
}

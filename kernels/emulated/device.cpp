#include "kernels/emulated/device.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/error.hpp"
#include "kernels/emulated/guard.hpp"
#include "kernels/emulated/sanitizers.hpp"
#include "kernels/emulated/scheduler.hpp"

namespace modr::emulated {

Device& device() {
  static Device& the = *new Device;  // memory may be given back after static objects are gone
  return the;
}

void Device::enqueue(Stream* stream, Work work) {
  if (stream != nullptr && stream->capture != nullptr) {
    stream->capture->work.push_back(std::move(work));
    return;
  }
  Stream& to = stream == nullptr ? default_stream : *stream;
  order_with_default(to);
  to.queue.push_back(std::move(work));
  while (when_ == Streams::eager && !to.queue.empty() && step(to)) {
  }
}

// The default stream waits for the blocking streams and they for it.
void Device::order_with_default(Stream& stream) {
  if (stream.waits_for_default) drain(default_stream);
  if (&stream != &default_stream) return;
  for (Stream* other : streams)
    if (other->waits_for_default) drain(*other);
}

bool Device::step(Stream& stream) {
  if (stream.queue.empty()) return true;
  Work work = std::move(stream.queue.front());
  stream.queue.pop_front();
  do_work(work);
  if (!std::exchange(is_held_, false)) return true;
  stream.queue.push_front(std::move(work));
  std::this_thread::yield();
  return false;
}

void Device::drain(Stream& stream) {
  while (!stream.queue.empty()) step(stream);
}

void Device::drain_all() {
  drain(default_stream);
  for (Stream* stream : streams) drain(*stream);
}

// With the address sanitizer the device's memory is forbidden but while the device works.
void Device::do_work(const Work& work) {
  if (depth_++ == 0)
    for (const auto& [memory, allocation] : device_memory) allow(memory, allocation.usable);
  try {
    work();
    if (!is_held_) check_guards();
  } catch (...) {
    if (failed == nullptr) failed = std::current_exception();
  }
  if (--depth_ == 0)
    for (const auto& [memory, allocation] : device_memory) forbid(memory, allocation.bytes);
  if (failed != nullptr) give_up_queues();
}

void Device::give_up_queues() {
  default_stream.queue.clear();
  for (Stream* stream : streams) stream->queue.clear();
  for (Event* event : events) event->completed = event->recorded;
}

void Device::finish(Event& event, uint64_t number, Stream* stream) {
  while (!try_to_finish(event, number, stream)) {
  }
}

bool Device::try_to_finish(Event& event, uint64_t number, Stream* stream) {
  Stream& of = stream == nullptr ? default_stream : *stream;
  while (event.completed < number && failed == nullptr) {
    if (of.queue.empty()) fail("emulated device: streams wait for each other");
    if (!step(of)) return false;
  }
  return true;
}

void Device::set_streams(Streams when) {
  drain_all();
  when_ = when;
  set_copies_at_once(when == Streams::eager);
}

bool Device::invalidate(Stream* stream) {
  if (stream == nullptr || stream->capture == nullptr) return false;
  stream->capture->invalid = true;
  return true;
}

bool Device::is_forbidden_by_capture() {
  bool forbidden = false;
  for (Stream* stream : streams) {
    const Graph* capture = stream->capture;
    if (capture == nullptr || capture->mode == cudaStreamCaptureModeRelaxed) continue;
    if (capture->mode == cudaStreamCaptureModeThreadLocal && capture->by != std::this_thread::get_id()) continue;
    forbidden = invalidate(stream);
  }
  return forbidden;
}

void* Device::allocate(std::map<char*, Allocation>& kind, std::size_t bytes) {
  if (&kind == &device_memory) {
    if (bytes > pool.total - pool.in_use) return nullptr;
    pool.in_use += bytes;
    pool.at_most = std::max(pool.at_most, pool.in_use);
  }
  void* memory = make_guarded(bytes);
  kind[static_cast<char*>(memory)] = {bytes};
  if (&kind == &device_memory && depth_ == 0) forbid(memory, bytes);
  return memory;
}

bool Device::release(std::map<char*, Allocation>& kind, void* memory) {
  const auto found = kind.find(static_cast<char*>(memory));
  if (found == kind.end()) return false;
  if (&kind == &device_memory) pool.in_use -= found->second.bytes;
  allow(memory, found->second.bytes);
  kind.erase(found);
  std::free(memory);
  return true;
}

void Device::limit(void* memory, std::size_t bytes) {
  const auto found = device_memory.find(static_cast<char*>(memory));
  if (found == device_memory.end()) fail("emulated device: work uses {}, memory that has been given back", memory);
  Allocation& allocation = found->second;
  allow(memory, allocation.bytes);
  fill_guarded(memory, bytes);
  forbid(static_cast<char*>(memory) + bytes, allocation.bytes - bytes);
  allocation.usable = bytes;
}

bool Device::holds(const std::map<char*, Allocation>& kind, const void* memory, std::size_t bytes) {
  auto* first = static_cast<char*>(const_cast<void*>(memory));
  auto next = kind.upper_bound(first);
  if (next == kind.begin()) return false;
  const auto& [begin, allocation] = *--next;
  return !allocation.released && first + bytes <= begin + allocation.bytes;
}

void Device::check_guards() const {
  for (const auto& [memory, allocation] : device_memory)
    if (!guard_is_whole(memory, allocation.usable))
      fail("emulated device: a kernel wrote past the end of {} bytes of device memory", allocation.usable);
}

void set_streams(Streams when) {
  call([&](Device& d) {
    d.set_streams(when);
    return cudaSuccess;
  });
}

// (Called by destructors.)
void limit_memory(cudaStream_t stream, void* memory, std::size_t bytes) {
  call_of_destructor([&](Device& d) {
    d.enqueue(stream, [&d, memory, bytes] { d.limit(memory, bytes); });
    return cudaSuccess;
  });
}

void set_device_memory(std::size_t bytes) {
  call([&](Device& d) {
    d.drain_all();
    d.pool.total = std::max(bytes, d.pool.in_use);
    return cudaSuccess;
  });
}

bool has_address_sanitizer() { return __asan_poison_memory_region != nullptr; }
bool has_thread_sanitizer() { return races_are_sought(); }

void enqueue(cudaStream_t stream, std::function<void()> work) {
  call([&](Device& d) {
    d.enqueue(stream, std::move(work));
    return cudaSuccess;
  });
}

void enqueue_until_done(cudaStream_t stream, std::function<bool()> work) {
  call([&](Device& d) {
    if (stream != nullptr && stream->capture != nullptr)
      fail("emulated device: work that waits for others is captured");
    d.enqueue(stream, [&d, work = std::move(work)] {
      if (!work()) d.hold();
    });
    return cudaSuccess;
  });
}

bool reaches(const void* memory, std::size_t bytes) {
  Device& d = device();
  const std::lock_guard lock(d.mutex);
  return d.reaches(memory, bytes);
}

}  // namespace modr::emulated

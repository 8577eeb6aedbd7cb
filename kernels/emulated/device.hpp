#pragma once
// The state of the one emulated device: memory, streams, what is captured. Everything under one lock.
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "kernels/emulated/control.hpp"

namespace modr::emulated {

using Work = std::function<void()>;

struct Graph {
  std::vector<Work> work;                      // in the order of the calls, which is one that the graph allows
  std::vector<std::shared_ptr<void>> memory;   // that was asked for while it was captured
  // While it is captured:
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  std::thread::id by;
  Stream* origin = nullptr;
  bool invalid = false;
};

struct Stream {
  std::deque<Work> queue;
  bool waits_for_default = false;  // and the default stream for it
  Graph* capture = nullptr;
  bool unjoined = false;  // part of a capture whose first stream has not waited for it
};

struct Event {
  Stream* stream = nullptr;
  Graph* captured = nullptr;
  uint64_t recorded = 0, completed = 0;
};

struct Allocation {
  std::size_t bytes = 0;
  std::size_t usable = bytes;  // of them (limit_memory())
  bool released = false;  // by its owner, but work in front of that may still use it
};

/// Of the device's memory, all of which is in its one pool: nothing that is given back is kept.
struct MemoryPool {
  std::size_t total = std::size_t{64} << 30;
  std::size_t in_use = 0, at_most = 0;
};

class Device {
 public:
  // Work of streams.
  void enqueue(Stream* stream, Work work);
  /// Does the first of the stream's work; false if that is not done yet, and still the first.
  bool step(Stream& stream);
  void drain(Stream& stream);
  void drain_all();
  /// Runs `stream` until it has recorded the event for the `number`th time.
  void finish(Event& event, uint64_t number, Stream* stream);
  /// The same, as far as it goes: false where work has to wait for something.
  bool try_to_finish(Event& event, uint64_t number, Stream* stream);
  void set_streams(Streams when);
  bool lazy() const { return when_ == Streams::lazy; }
  /// By work that is under way: it is to be done again.
  void hold() { is_held_ = true; }

  /// A call that a capture forbids; it invalidates the capture.
  bool is_forbidden_by_capture();
  bool invalidate(Stream* stream);

  // Memory. Null of the device where its memory does not suffice.
  void* allocate(std::map<char*, Allocation>& kind, std::size_t bytes);
  bool release(std::map<char*, Allocation>& kind, void* memory);
  void limit(void* memory, std::size_t bytes);
  /// Whether [memory, memory + bytes] lies in one allocation.
  static bool holds(const std::map<char*, Allocation>& kind, const void* memory, std::size_t bytes);
  bool reaches(const void* memory, std::size_t bytes) const {
    return holds(device_memory, memory, bytes) || holds(pinned_memory, memory, bytes);
  }
  void check_guards() const;

  std::mutex mutex;
  std::map<char*, Allocation> device_memory, pinned_memory;
  MemoryPool pool;
  std::set<Stream*> streams;
  std::set<Event*> events;
  Stream default_stream;
  std::map<const void*, std::size_t> shared_limits;  // of kernels that asked for more than usual
  std::exception_ptr failed;                         // what a kernel did wrong, until somebody is told

 private:
  void do_work(const Work& work);
  void order_with_default(Stream& stream);
  void give_up_queues();

  Streams when_ = Streams::eager;
  int depth_ = 0;  // of work that does other streams' work
  bool is_held_ = false;
};

Device& device();

/// A call of the runtime: under the lock, and what a kernel did wrong meanwhile is thrown.
template <typename Body>
cudaError_t call(Body body) {
  Device& d = device();
  const std::lock_guard lock(d.mutex);
  const cudaError_t error = body(d);
  if (d.failed != nullptr) std::rethrow_exception(std::exchange(d.failed, nullptr));
  return error;
}

/// One that destructors make: what a kernel did wrong is left for the next call.
template <typename Body>
cudaError_t call_of_destructor(Body body) {
  Device& d = device();
  const std::lock_guard lock(d.mutex);
  const cudaError_t error = body(d);
  return d.failed != nullptr ? cudaErrorLaunchFailure : error;
}

}  // namespace modr::emulated

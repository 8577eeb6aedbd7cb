#pragma once

namespace modr {

/// Where communication stands in the order of other work. Null: buffers are in host memory and calls happen in program
/// order. Otherwise a device's queue (a cudaStream_t): buffers are in that device's memory, and the communication
/// happens after what the queue was given before it. A value; owns nothing.
struct Stream {
  void* device_queue = nullptr;

  bool is_host() const { return device_queue == nullptr; }
};

}  // namespace modr

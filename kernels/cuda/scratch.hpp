#pragma once
// Room on the device for what the kernels of an operation hand each other, without asking CUDA for it at every step.
#include <mutex>

#include "kernels/cuda/launch.hpp"

namespace modr::kernels {

/// The operation's room while this lives: all kernels that use it are put into the stream by then. There is one piece
/// of memory a stream, of the device's pool, aligned to 256 bytes and kept as long as the process lives; operations use
/// it one after the other, as their stream's order has it. A thread waits until another has put its kernels. What takes
/// no more than there is may be captured in a graph, which has to run in the same stream.
class Scratch {
 public:
  /// Nothing is taken for 0 bytes. Throws Error where there is no memory left, where the thread has the stream's room
  /// already, or where the piece would have to grow while a graph is captured: what is captured has to run once before.
  Scratch(Cuda on, std::size_t bytes);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  /// Null of 0 bytes.
  template <typename T>
  T* as() const {
    return static_cast<T*>(memory_);
  }

 private:
  struct Piece;
  static Piece& piece_of(Cuda on);

  Cuda on_;
  Piece* piece_ = nullptr;
  std::unique_lock<std::mutex> lock_;
  void* memory_ = nullptr;
};

}  // namespace modr::kernels

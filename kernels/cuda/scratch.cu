#include <atomic>
#include <device/scratch.hpp>
#include <map>
#include <thread>

#include "kernels/api/gpu.hpp"
#include "kernels/cuda/scratch.hpp"

namespace modr::kernels {

struct Scratch::Piece {
  /// Makes it at least so large.
  void grow(Cuda on, std::size_t to, bool captured) {
    if (captured)
      throw Error("a graph is captured whose kernels want " + std::to_string(to) + " bytes of room; " +
                  std::to_string(bytes) + " are there: run once what is captured before it is");
    if (in_graphs)
      to = std::max(to, 2 * bytes);  // graphs have its address, so it stays
    else if (memory != nullptr)
      release(on, memory);
    bytes = 0;
    in_graphs = false;
    memory = allocate(on, to);
    check_cuda(memory == nullptr ? cudaErrorMemoryAllocation : cudaSuccess, "room that kernels share");
    bytes = to;
  }

  std::mutex mutex;  // held by the thread that has it
  std::atomic<std::thread::id> owner;
  std::byte* memory = nullptr;
  std::size_t bytes = 0;
  bool in_graphs = false;
};

Scratch::Piece& Scratch::piece_of(Cuda on) {
  static std::mutex mutex;
  static auto& pieces = *new std::map<std::pair<int, void*>, Piece>;  // CUDA may be gone before static objects are
  const std::lock_guard lock(mutex);
  return pieces[{on.device, on.stream}];
}

Scratch::Scratch(Cuda on, std::size_t bytes) : on_(on) {
  if (bytes == 0) return;
  const cudaStream_t stream = stream_of(on);
  piece_ = &piece_of(on);
  if (piece_->owner == std::this_thread::get_id()) throw Error("room that kernels share is asked for while it is used");
  lock_ = std::unique_lock(piece_->mutex);
  cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
  check_cuda(cudaStreamIsCapturing(stream, &capture), "state of a stream");
  const bool captured = capture != cudaStreamCaptureStatusNone;
  if (bytes > piece_->bytes) piece_->grow(on, bytes, captured);
  piece_->in_graphs |= captured;
  piece_->owner = std::this_thread::get_id();
  memory_ = piece_->memory;
  limit_memory(stream, memory_, bytes);
}

Scratch::~Scratch() {
  if (memory_ == nullptr) return;
  limit_memory(static_cast<cudaStream_t>(on_.stream), memory_, 0);
  piece_->owner = std::thread::id{};
}

}  // namespace modr::kernels

#pragma once
// What tests turn: the order in which threads run, and when streams do their work.
#include <cstddef>
#include <cstdint>
#include <functional>

#include "kernels/emulated/cuda_runtime.h"

namespace modr::emulated {

/// In which order the blocks of a grid, the threads of a block and those that wait for each other run; in reverse each
/// warp gets as far ahead of the others as it can.
enum class Order { forward, reverse, shuffled };
/// A stream does its work when it is given it, or as late as CUDA allows: when somebody waits for it. An asynchronous
/// copy of a kernel (cp.async) likewise happens at once, or when its group is waited for.
enum class Streams { eager, lazy };

/// For what starts from here on, in the whole process. `seed` is for `shuffled`.
void set_order(Order order, uint64_t seed = 0);
void set_streams(Streams streams);

/// How much memory the device has from here on, at least what is in use: 64 GiB at first.
void set_device_memory(std::size_t bytes);

/// From here on in the stream's order only the first `bytes` of an allocation may be used: they are NaNs again, with a
/// guard behind them.
void limit_memory(cudaStream_t stream, void* memory, std::size_t bytes);

/// What has run in this process.
struct Counters {
  uint64_t launches, blocks, threads, switches;
};
Counters counters();

/// Whether this program is built with a sanitizer, which then sees what the device itself would have found.
bool has_address_sanitizer();
bool has_thread_sanitizer();

/// Puts work of an emulated library into the order of a stream, where it has the device's memory.
void enqueue(cudaStream_t stream, std::function<void()> work);
/// The same, of work that waits for something outside of this process: it says whether it is done, and is asked again
/// until it is. Meanwhile whoever asks the stream or an event is told that they are not ready. Not to be captured.
void enqueue_until_done(cudaStream_t stream, std::function<bool()> work);

/// Whether the device reaches these bytes: its own memory, or pinned memory of the host.
bool reaches(const void* memory, std::size_t bytes);

/// Where the one device is on its host, as cudaDeviceGetPCIBusId() tells it: at first each process has its own.
void set_bus_id(int64_t number);

}  // namespace modr::emulated

// Kernels and calls with one deliberate mistake each, as people make them: the emulated device says what is wrong.
#include <device/memory.hpp>
#include <device/shared.hpp>
#include <device/tensor_core.hpp>

#include "kernels/cuda/reduce.hpp"
#include "kernels/cuda/scratch.hpp"
#include "support/device_vector.hpp"
#include "support/expect_error.hpp"
#include "support/orders.hpp"

namespace modr::kernels {
namespace {

using namespace modr::test;

constexpr const char* other_bits = "other bits in another order";
constexpr const char* reported_race = "the thread sanitizer reports the race, and says more";
constexpr const char* nan_found = "a NaN in the result: never written, or read before it was";

struct Buffer {
  alignas(16) float of[128];
};

// What is found when `start(x, y)` runs over x = 0, 1, 2, ... [1024] and y [128].
template <typename Start>
std::string fault_of(Start start) {
  std::vector<float> first, counting(1024);
  for (std::size_t i = 0; i < counting.size(); ++i) counting[i] = static_cast<float>(i % 251);
  return fault_in_orders(
      [&] {
        const DeviceVector<float> x(counting), y(std::vector<float>(128, 0.0f));
        start(x.data(), y.data());
        return y.values();
      },
      first);
}

void expect_found(const std::string& fault, const std::string& text) {
  EXPECT_NE(fault.find(text), std::string::npos) << "found: " << (fault.empty() ? "nothing" : fault);
}

template <typename Kernel>
std::string fault_of_kernel(Kernel kernel, unsigned blocks, unsigned threads, std::size_t shared_bytes = 0) {
  return fault_of([&](float* x, float* y) { launch({blocks, threads, shared_bytes, nullptr}, kernel, x, y); });
}

__global__ void barrier_missing_in_loop(float* x, float* y) {
  Buffer& s = block_shared<Buffer>();
  const unsigned t = threadIdx.x;
  s.of[t] = x[t];
  __syncthreads();
  for (unsigned half = 64; half > 0; half /= 2)
    if (t < half) s.of[t] += s.of[t + half];  // and here a barrier
  if (t == 0) y[0] = s.of[0];
}
TEST(Mistakes, MissingBarrier) {
  if (emulated::has_thread_sanitizer()) GTEST_SKIP() << reported_race;
  expect_found(fault_of_kernel(barrier_missing_in_loop, 1, 128), other_bits);
}

__global__ void reuse_without_barrier(float* x, float* y) {
  Buffer& s = block_shared<Buffer>();
  for (unsigned row = 0; row < 8; ++row) {  // here a barrier
    s.of[threadIdx.x] = x[row * 128 + threadIdx.x];
    __syncthreads();
    if (threadIdx.x != row) continue;
    float sum = 0;
    for (int i = 0; i < 128; ++i) sum += s.of[i];
    y[row] = sum;
  }
}
TEST(Mistakes, SharedMemoryUsedAgainWithoutABarrier) {
  if (emulated::has_thread_sanitizer()) GTEST_SKIP() << reported_race;
  expect_found(fault_of_kernel(reuse_without_barrier, 1, 128), other_bits);
}

// (A warp that has met five times has to come back before a thread of the other has read once.)
__global__ void two_sums_in_the_same_place(float* x, float* y) {
  Buffer& s = block_shared<Buffer>();
  for (unsigned round = 0; round < 2; ++round) {  // here a barrier
    const float sum = warp_sum(x[round * 64 + threadIdx.x]);
    if (threadIdx.x % 32 == 0) s.of[threadIdx.x / 32] = sum;
    __syncthreads();
    y[round * 64 + threadIdx.x] = s.of[0] + s.of[1];
  }
}
TEST(Mistakes, SharedMemoryUsedAgainByAWarpThatIsAhead) {
  if (emulated::has_thread_sanitizer()) GTEST_SKIP() << reported_race;
  expect_found(fault_of_kernel(two_sums_in_the_same_place, 1, 64), other_bits);
}

__global__ void neighbour_without_warp_barrier(float* x, float* y) {
  Buffer& s = block_shared<Buffer>();
  s.of[threadIdx.x] = x[threadIdx.x];
  y[threadIdx.x] = s.of[(threadIdx.x + 1) % 32];  // lanes are not in step
}
TEST(Mistakes, MissingBarrierOfAWarp) {
  if (emulated::has_thread_sanitizer()) GTEST_SKIP() << reported_race;
  expect_found(fault_of_kernel(neighbour_without_warp_barrier, 1, 32), nan_found);
}

__global__ void one_never_set(float*, float* y) {
  Buffer& s = block_shared<Buffer>();
  if (threadIdx.x > 0) s.of[threadIdx.x] = 1;
  __syncthreads();
  y[threadIdx.x] = s.of[threadIdx.x];
}
TEST(Mistakes, UsedBeforeItIsSet) { expect_found(fault_of_kernel(one_never_set, 1, 128), nan_found); }

__global__ void some_leave_before_barrier(float* x, float* y) {
  if (threadIdx.x >= 100) return;
  y[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
}
TEST(Mistakes, BarrierThatNotAllReach) {
  const std::string fault = fault_of_kernel(some_leave_before_barrier, 1, 128);
  expect_found(fault, "28 of 128 threads of block (0,0,0) have left the kernel, 100 wait for them at the barrier in ");
  expect_found(fault, "mistakes_test.cpp:");
}

__global__ void two_barriers(float*, float*) {
  if (threadIdx.x < 64) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}
TEST(Mistakes, TwoBarriersInPlaceOfOne) {
  const std::string fault = fault_of_kernel(two_barriers, 1, 128);
  expect_found(fault, "thread (64,0,0) of block (0,0,0) waits at the barrier in mistakes_test.cpp:");
  expect_found(fault, ", others at that in mistakes_test.cpp:");
}

__global__ void mask_of_all_by_some(float*, float* y) {
  if (threadIdx.x < 20) y[threadIdx.x] = __shfl_down_sync(0xffffffffu, 1.0f, 1);
}
TEST(Mistakes, MaskWithLanesThatDoNotCome) {
  const std::string fault = fault_of_kernel(mask_of_all_by_some, 1, 32);
  expect_found(fault, "lanes 0xfffff of warp 0 wait in mistakes_test.cpp:");
  expect_found(fault, " for the lanes 0xfff00000");
}

__global__ void not_in_own_mask(float*, float* y) { y[threadIdx.x] = __shfl_sync(0x0000ffffu, 1.0f, 0); }
TEST(Mistakes, LaneOutsideItsMask) {
  expect_found(fault_of_kernel(not_in_own_mask, 1, 32), "thread (16,0,0) of block (0,0,0) is not in its own mask in ");
}

__global__ void reads_absent_lane(float*, float* y) {
  if (threadIdx.x < 16) y[threadIdx.x] = __shfl_sync(0x0000ffffu, 1.0f, 20);
}
TEST(Mistakes, ReadsALaneThatTakesNoPart) {
  expect_found(fault_of_kernel(reads_absent_lane, 1, 32), "reads lane 20, which takes no part");
}

__global__ void mask_beyond_block(float*, float* y) { y[threadIdx.x] = __shfl_sync(0xffffffffu, 1.0f, 0); }
TEST(Mistakes, MaskBeyondASmallBlock) {
  expect_found(fault_of_kernel(mask_beyond_block, 1, 16), "names lanes in the mask in mistakes_test.cpp:");
}

__global__ void copy_not_awaited(float* x, float* y) {
  Buffer& s = block_shared<Buffer>();
  if (threadIdx.x == 0) {
    copy16_async(s.of, x);
    copy_commit();
  }
  __syncthreads();
  if (threadIdx.x < 4) y[threadIdx.x] = s.of[threadIdx.x];
}
TEST(Mistakes, NoWaitForAnAsynchronousCopy) { expect_found(fault_of_kernel(copy_not_awaited, 1, 32), nan_found); }

__global__ void odd_copy(float* x, float*) {
  Buffer& s = block_shared<Buffer>();
  if (threadIdx.x == 3) copy16_async(s.of, x + 1);
}
TEST(Mistakes, MisalignedAsynchronousCopy) {
  expect_found(fault_of_kernel(odd_copy, 1, 32), "thread (3,0,0) of block (0,0,0) copies 16 bytes asynchronously that "
                                                 "are not aligned to 16");
}

__global__ void past_shared_memory(float* x, float*) {
  float* s = dynamic_shared<float>();
  s[threadIdx.x + 1] = x[0];
}
TEST(Mistakes, PastTheEndOfSharedMemory) {
  if (emulated::has_address_sanitizer()) GTEST_SKIP() << "the address sanitizer ends the program, and says more";
  expect_found(fault_of_kernel(past_shared_memory, 1, 64, 64 * sizeof(float)),
               "a thread of block (0,0,0) wrote past the end of 256 bytes of shared memory");
}

__global__ void past_device_memory(float*, float* y) { y[threadIdx.x + 1] = 1; }
TEST(Mistakes, PastTheEndOfDeviceMemory) {
  if (emulated::has_address_sanitizer()) GTEST_SKIP() << "the address sanitizer ends the program, and says more";
  expect_found(fault_of_kernel(past_device_memory, 1, 128),
               "a kernel wrote past the end of 512 bytes of device memory");
}

// In a piece of memory that is large enough, since others wanted more before.
TEST(Mistakes, PastTheEndOfScratch) {
  if (emulated::has_address_sanitizer()) GTEST_SKIP() << "the address sanitizer ends the program, and says more";
  const DeviceStream stream;
  const auto start = [&](float*, float* y) {
    { const Scratch larger(stream.place(), 4096); }
    const Scratch scratch(stream.place(), 128 * sizeof(float));
    launch({1, 128, 0, stream.get()}, past_device_memory, y, scratch.as<float>());
  };
  expect_found(fault_of(start), "a kernel wrote past the end of 512 bytes of device memory");
}

__global__ void copy_one(float* x, float* y) { *y = *x; }
TEST(Mistakes, WhatAnotherOperationLeftInScratch) {
  const DeviceStream stream;
  const auto start = [&](float* x, float* y) {
    {
      const Scratch before(stream.place(), sizeof(float));
      launch({1, 1, 0, stream.get()}, copy_one, x, before.as<float>());
    }
    const Scratch scratch(stream.place(), sizeof(float));
    launch({1, 1, 0, stream.get()}, copy_one, scratch.as<float>(), y);
  };
  expect_found(fault_of(start), nan_found);
}

struct TooMuch {
  float of[13 << 10];
};
__global__ void too_much_shared(float*, float* y) { y[threadIdx.x] = block_shared<TooMuch>().of[0]; }
TEST(Mistakes, MoreSharedMemoryThanABlockHas) {
  expect_found(fault_of_kernel(too_much_shared, 1, 32),
               "asks for 53248 bytes of static shared memory, a block has 49152");
  expect_found(fault_of_kernel(past_shared_memory, 1, 32, 228 << 10), "invalid argument");
}

__global__ void write_one(float* x) { x[threadIdx.x] = 1; }
struct Holder {
  int64_t n;
  float* x;
};
__global__ void write_one_of(Holder held) { held.x[threadIdx.x] = 1; }

TEST(Mistakes, PointerOfTheHost) {
  std::vector<float> heap(1000);
  const auto text = "which is no address of the device's memory";
  expect_error([&] { launch({1, 1, 0, nullptr}, write_one, heap.data()); }, {text});
  float on_stack = 0;
  expect_error([&] { launch({1, 1, 0, nullptr}, write_one, &on_stack); }, {text});
  if (emulated::has_address_sanitizer() || emulated::has_thread_sanitizer()) return;
  expect_error([&] { launch({1, 1, 0, nullptr}, write_one_of, Holder{1, heap.data()}); }, {text});
}

TEST(Mistakes, MemoryThatWasGivenBack) {
  float* x = nullptr;
  check_cuda(cudaMalloc(&x, 400), "malloc");
  cudaFree(x);
  expect_error([&] { launch({1, 1, 0, nullptr}, write_one, x); }, {"no address of the device's memory"});
}

TEST(Mistakes, PinnedBufferFilledAgainTooEarly) {
  std::vector<float> first;
  const std::string fault = fault_in_orders(
      [] {
        const DeviceStream stream;
        const DeviceVector<float> x(4);
        float* pinned = nullptr;
        check_cuda(cudaMallocHost(&pinned, x.bytes()), "pinned");
        std::fill_n(pinned, 4, 1.0f);
        check_cuda(cudaMemcpyAsync(x.data(), pinned, x.bytes(), cudaMemcpyHostToDevice, stream.get()), "copy");
        std::fill_n(pinned, 4, 2.0f);  // before it, the copy should have been waited for
        check_cuda(cudaStreamSynchronize(stream.get()), "synchronise");
        cudaFreeHost(pinned);
        return x.values();
      },
      first);
  expect_found(fault, other_bits);
}

TEST(Mistakes, CopyPastTheEndOrOfTheWrongKind) {
  const DeviceVector<float> x(4);
  float host[8] = {};
  expect_error([&] { cudaMemcpy(x.data(), host, sizeof host, cudaMemcpyHostToDevice); },
               {"a copy of 32 bytes to memory"});
  expect_error([&] { cudaMemcpy(x.data(), host, 16, cudaMemcpyDeviceToHost); }, {"a copy of 16 bytes to memory"});
}

TEST(Mistakes, CallsThatACaptureForbids) {
  const DeviceStream stream;
  float* memory = nullptr;
  cudaGraph_t graph;
  const auto begin = [&] { check_cuda(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeGlobal), "begin"); };
  begin();
  EXPECT_EQ(cudaMalloc(&memory, 4), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(cudaStreamEndCapture(stream.get(), &graph), cudaErrorStreamCaptureInvalidated);
  begin();
  EXPECT_EQ(cudaStreamSynchronize(stream.get()), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(cudaStreamEndCapture(stream.get(), &graph), cudaErrorStreamCaptureInvalidated);
  begin();
  expect_error([] { check_cuda(cudaDeviceSynchronize(), "synchronise"); },
               {"CUDA: synchronise: operation not permitted when stream is capturing"});
  EXPECT_EQ(cudaStreamEndCapture(stream.get(), &graph), cudaErrorStreamCaptureInvalidated);
}

TEST(Mistakes, CaptureOfAStreamThatIsNotJoined) {
  const DeviceStream a, b;
  cudaEvent_t event;
  cudaGraph_t graph;
  check_cuda(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "event");
  check_cuda(cudaStreamBeginCapture(a.get(), cudaStreamCaptureModeGlobal), "begin");
  check_cuda(cudaEventRecord(event, a.get()), "record");
  check_cuda(cudaStreamWaitEvent(b.get(), event), "fork");
  EXPECT_EQ(cudaStreamEndCapture(a.get(), &graph), cudaErrorStreamCaptureUnjoined);
  cudaEventDestroy(event);
}

__global__ void begins_early_and_does_not_wait(float* x, float* y) {
  if (threadIdx.x < 31) wait_for_previous_kernel();
  y[threadIdx.x] = x[threadIdx.x];
}
TEST(Mistakes, EarlyKernelThatDoesNotWait) {
  const auto early = [](float* x, float* y) {
    launch({1, 32, 0, nullptr, true}, begins_early_and_does_not_wait, x, y);
  };
  expect_found(fault_of(early), "31 of 32 threads of block (0,0,0) waited for the kernel before theirs");
}

TEST(Mistakes, ImpossibleBlocks) {
  const DeviceVector<float> x(4);
  const auto text = "CUDA: launch of a kernel: invalid configuration argument";
  expect_error([&] { launch({1, 1025, 0, nullptr}, write_one, x.data()); }, {text});
  expect_error([&] { launch({dim3(1, 70000), 1, 0, nullptr}, write_one, x.data()); }, {text});
}

}  // namespace
}  // namespace modr::kernels

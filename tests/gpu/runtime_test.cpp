// The emulated device does what CUDA promises, whatever the order in which threads and streams run.
#include <cuda_bf16.h>

#include <cstdint>
#include <numeric>
#include <thread>

#include <device/shared.hpp>
#include <device/tensor_core.hpp>

#include "kernels/cuda/launch.hpp"
#include "kernels/cuda/reduce.hpp"
#include "support/device_vector.hpp"
#include "support/orders.hpp"

namespace modr::kernels {
namespace {

using namespace modr::test;

std::vector<float> counting(int n) {
  std::vector<float> all(static_cast<std::size_t>(n));
  std::iota(all.begin(), all.end(), 1.0f);
  return all;
}

template <typename Run>
std::vector<float> expect_no_fault(Run run) {
  std::vector<float> first;
  EXPECT_EQ(fault_in_orders(run, first), "");
  return first;
}

__global__ void scale_all(float* x, float factor, int n) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) x[i] *= factor;
}
void scale_on(cudaStream_t stream, const DeviceVector<float>& x, float factor) {
  const int n = static_cast<int>(x.size());
  launch({blocks_for(n, 64, 1 << 20), 64, 0, stream}, scale_all, x.data(), factor, n);
}

__global__ void sum_blocks(const float* x, int n, float* sums) {
  float mine = 0;
  const float* of_block = x + static_cast<int>(blockIdx.x) * n;
  for (int i = static_cast<int>(threadIdx.x); i < n; i += static_cast<int>(blockDim.x)) mine += of_block[i];
  const float half = block_sum(mine), again = block_sum(mine);
  if (threadIdx.x == 0) sums[blockIdx.x] = half + again;
}

TEST(Blocks, SumOverAllThreads) {
  const std::vector<float> sums = expect_no_fault([] {
    const DeviceVector<float> x(counting(3 * 500)), out(3);
    launch({3, 128, 0, nullptr}, sum_blocks, x.data(), 500, out.data());
    return out.values();
  });
  EXPECT_EQ(sums, (std::vector<float>{250500, 750500, 1250500}));
}

// Each thread writes what it finds to say of itself.
__global__ void say_place(float* out) {
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  out[block * (blockDim.x * blockDim.y * blockDim.z) + thread] = static_cast<float>(1000 * block + thread);
}

TEST(Blocks, GridsAndBlocksOfThreeDimensions) {
  const std::vector<float> out = expect_no_fault([] {
    const DeviceVector<float> all(2 * 3 * 2 * 4 * 2 * 3);
    launch({dim3(2, 3, 2), dim3(4, 2, 3), 0, nullptr}, say_place, all.data());
    return all.values();
  });
  for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i], static_cast<float>(1000 * (i / 24) + i % 24));
}

__global__ void exchange_lanes(float* out) {
  const int lane = static_cast<int>(threadIdx.x);
  const float mine = static_cast<float>(lane);
  float* to = out + 8 * lane;
  to[0] = __shfl_sync(0xffffffffu, mine, 5);
  to[1] = __shfl_xor_sync(0xffffffffu, mine, 1);
  to[2] = __shfl_up_sync(0xffffffffu, mine, 2);
  to[3] = __shfl_down_sync(0xffffffffu, mine, 3, 8);
  to[4] = static_cast<float>(__popc(__ballot_sync(0xffffffffu, lane % 3 == 0)));
  to[5] = static_cast<float>(__all_sync(0xffffffffu, lane < 31) + 2 * __any_sync(0xffffffffu, lane == 31));
  to[6] = lane < 16 ? __shfl_sync(0x0000ffffu, mine, 15) : __shfl_sync(0xffff0000u, mine, 16);
  to[7] = static_cast<float>(__shfl_sync(0xffffffffu, 2.5 * lane, lane + 1, 4));
}

TEST(Warps, Exchanges) {
  const std::vector<float> out = expect_no_fault([] {
    const DeviceVector<float> all(32 * 8);
    launch({1, 32, 0, nullptr}, exchange_lanes, all.data());
    return all.values();
  });
  for (int lane = 0; lane < 32; ++lane) {
    const auto at = [&](int i) { return out[static_cast<std::size_t>(8 * lane + i)]; };
    EXPECT_EQ(at(0), 5);
    EXPECT_EQ(at(1), lane ^ 1);
    EXPECT_EQ(at(2), lane < 2 ? lane : lane - 2);
    EXPECT_EQ(at(3), lane % 8 + 3 < 8 ? lane + 3 : lane);
    EXPECT_EQ(at(4), 11);
    EXPECT_EQ(at(5), 2);
    EXPECT_EQ(at(6), lane < 16 ? 15 : 16);
    EXPECT_EQ(at(7), 2.5f * static_cast<float>(lane / 4 * 4 + (lane + 1) % 4));
  }
}

__global__ void reverse_block(const float* x, float* y) {
  float* values = dynamic_shared<float>();
  values[threadIdx.x] = x[blockIdx.x * blockDim.x + threadIdx.x];
  __syncthreads();
  y[blockIdx.x * blockDim.x + threadIdx.x] = values[blockDim.x - 1 - threadIdx.x];
}

TEST(Blocks, DynamicSharedMemory) {
  const std::vector<float> out = expect_no_fault([] {
    const DeviceVector<float> x(counting(128)), y(128);
    launch({2, 64, 60 << 10, nullptr}, reverse_block, x.data(), y.data());
    return y.values();
  });
  for (std::size_t i = 0; i < 64; ++i) {
    EXPECT_EQ(out[i], static_cast<float>(64 - i));
    EXPECT_EQ(out[64 + i], static_cast<float>(128 - i));
  }
}

constexpr int pitch = 24;
struct Stages {
  alignas(16) __nv_bfloat16 a[2][16 * pitch], b[2][16 * pitch];
};

// One warp: c [16, 16] = a [16, k] b [16, k]^T, the next 16 of k on their way while these are multiplied.
__global__ void tile_product(const __nv_bfloat16* a, const __nv_bfloat16* b, int k, float* c) {
  Stages& s = block_shared<Stages>();
  const int lane = static_cast<int>(threadIdx.x), row = lane / 2, part = lane % 2 * 8;
  const auto fetch = [&](int stage, int first) {
    copy16_async(&s.a[stage][row * pitch + part], a + row * k + first + part);
    copy16_async(&s.b[stage][row * pitch + part], b + row * k + first + part);
    copy_commit();
  };
  float d[2][4] = {};
  fetch(0, 0);
  for (int first = 0, stage = 0; first < k; first += 16, stage ^= 1) {
    if (first + 16 < k) {
      fetch(stage ^ 1, first + 16);
      copy_wait<1>();
    } else {
      copy_wait<0>();
    }
    __syncwarp();
    uint32_t of_a[4], of_b[4];
    load_matrices(of_a, &s.a[stage][lane % 16 * pitch + lane / 16 * 8]);
    load_matrices(of_b, &s.b[stage][(lane % 8 + lane / 16 * 8) * pitch + lane / 8 % 2 * 8]);
    mma_16x8x16(d[0], of_a, {of_b[0], of_b[1]});
    mma_16x8x16(d[1], of_a, {of_b[2], of_b[3]});
    __syncwarp();
  }
  for (int half = 0; half < 2; ++half)
    for (int e = 0; e < 4; ++e) c[(lane / 4 + 8 * (e / 2)) * 16 + 8 * half + lane % 4 * 2 + e % 2] = d[half][e];
}

TEST(Warps, ProductOfAsynchronousCopiesOnTensorCores) {
  constexpr int k = 64;
  std::vector<__nv_bfloat16> a, b;
  for (int i = 0; i < 16 * k; ++i) {
    a.push_back(__float2bfloat16(static_cast<float>(i * 7 % 23 - 11)));
    b.push_back(__float2bfloat16(static_cast<float>(i * 5 % 19 - 9)));
  }
  const std::vector<float> c = expect_no_fault([&] {
    const DeviceVector<__nv_bfloat16> on_a(a), on_b(b);
    const DeviceVector<float> out(256);
    launch({1, 32, 0, nullptr}, tile_product, on_a.data(), on_b.data(), k, out.data());
    return out.values();
  });
  for (std::size_t i = 0; i < 16; ++i)
    for (std::size_t j = 0; j < 16; ++j) {
      float sum = 0;
      for (std::size_t l = 0; l < k; ++l) sum += __bfloat162float(a[i * k + l]) * __bfloat162float(b[j * k + l]);
      EXPECT_EQ(c[i * 16 + j], sum);
    }
}

__global__ void count_votes(const float* x, int n, int* votes) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const unsigned odd = __ballot_sync(0xffffffffu, i < n && static_cast<int>(x[i]) % 2 == 1);
  if (threadIdx.x % 32 == 0) atomicAdd(votes, __popc(odd));
}

TEST(Blocks, AtomicSum) {
  const DeviceVector<float> x(counting(333));
  const DeviceVector<int> votes(std::vector<int>{0});
  launch({3, 128, 0, nullptr}, count_votes, x.data(), 333, votes.data());
  EXPECT_EQ(votes.values()[0], 167);
}

std::vector<float> over_two_streams(bool with_event) {
  const DeviceStream a, b;
  const DeviceVector<float> x(std::vector<float>(64, 1.0f));
  float* pinned = nullptr;
  cudaEvent_t event;
  check_cuda(cudaMallocHost(&pinned, x.bytes()), "pinned");
  check_cuda(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "event");
  scale_on(a.get(), x, 3);
  check_cuda(cudaEventRecord(event, a.get()), "record");
  if (with_event) check_cuda(cudaStreamWaitEvent(b.get(), event), "wait");
  check_cuda(cudaMemcpyAsync(pinned, x.data(), x.bytes(), cudaMemcpyDeviceToHost, b.get()), "copy");
  check_cuda(cudaStreamSynchronize(b.get()), "synchronise");
  std::vector<float> result(pinned, pinned + 64);
  cudaEventDestroy(event);
  cudaFreeHost(pinned);
  return result;
}

TEST(Streams, AnEventOrdersTwo) {
  EXPECT_EQ(expect_no_fault([] { return over_two_streams(true); }), std::vector<float>(64, 3.0f));
}

TEST(Streams, WithoutTheEventTheLazyOrderSeesTheOldValues) {
  std::vector<float> first;
  EXPECT_EQ(fault_in_orders([] { return over_two_streams(false); }, first),
            "other bits in another order of threads or streams (reverse 0, lazy streams)");
}

TEST(Streams, BlockingStreamsAndTheDefaultOneWaitForEachOther) {
  const std::vector<float> out = expect_no_fault([] {
    const DeviceVector<float> x(std::vector<float>(64, 1.0f));
    cudaStream_t blocking;
    check_cuda(cudaStreamCreateWithFlags(&blocking, cudaStreamDefault), "stream");
    scale_on(blocking, x, 2);
    scale_on(nullptr, x, 0);
    launch({1, 64, 0, blocking}, say_place, x.data());
    std::vector<float> result = x.values();
    cudaStreamDestroy(blocking);
    return result;
  });
  EXPECT_EQ(out[63], 63);
}

TEST(Streams, MemoryInAStreamsOrderIsUsableUntilItsTurn) {
  expect_no_fault([] {
    const DeviceStream stream;
    const DeviceVector<float> x(counting(64)), y(64);
    float* room = nullptr;
    check_cuda(cudaMallocAsync(&room, 64 * sizeof(float), stream.get()), "malloc");
    check_cuda(cudaMemcpyAsync(room, x.data(), x.bytes(), cudaMemcpyDeviceToDevice, stream.get()), "copy");
    launch({1, 64, x.bytes(), stream.get()}, reverse_block, static_cast<const float*>(x.data()), y.data());
    check_cuda(cudaMemcpyAsync(y.data(), room, x.bytes(), cudaMemcpyDeviceToDevice, stream.get()), "copy");
    check_cuda(cudaFreeAsync(room, stream.get()), "free");
    return y.values();
  });
}

TEST(Graphs, ARecurrenceCapturedOverTwoStreamsAndLaunchedTwice) {
  const std::vector<float> out = expect_no_fault([] {
    const DeviceStream a, b;
    const DeviceVector<float> x(std::vector<float>(64, 1.0f)), y(std::vector<float>(64, 1.0f));
    cudaEvent_t event;
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    check_cuda(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "event");
    check_cuda(cudaStreamBeginCapture(a.get(), cudaStreamCaptureModeGlobal), "begin");
    scale_on(a.get(), x, 3);
    check_cuda(cudaEventRecord(event, a.get()), "record");
    check_cuda(cudaStreamWaitEvent(b.get(), event), "fork");
    scale_on(b.get(), y, 5);
    check_cuda(cudaEventRecord(event, b.get()), "record");
    check_cuda(cudaStreamWaitEvent(a.get(), event), "join");
    check_cuda(cudaStreamEndCapture(a.get(), &graph), "end");
    check_cuda(cudaGraphInstantiate(&exec, graph), "instantiate");
    check_cuda(cudaGraphDestroy(graph), "destroy");
    for (int i = 0; i < 2; ++i) check_cuda(cudaGraphLaunch(exec, a.get()), "launch");
    check_cuda(cudaStreamSynchronize(a.get()), "synchronise");
    cudaGraphExecDestroy(exec);
    cudaEventDestroy(event);
    return std::vector<float>{x.values()[63], y.values()[0]};
  });
  EXPECT_EQ(out, (std::vector<float>{9, 25}));
}

TEST(Streams, SeveralThreadsOfTheHost) {
  std::vector<std::thread> hosts;
  std::vector<float> results(4);
  for (int host = 0; host < 4; ++host)
    hosts.emplace_back([&results, host] {
      const DeviceStream stream;
      const DeviceVector<float> x(counting(500)), sum(1);
      for (int i = 0; i < 20; ++i) launch({1, 64, 0, stream.get()}, sum_blocks, x.data(), 100 * (host + 1), sum.data());
      check_cuda(cudaStreamSynchronize(stream.get()), "synchronise");
      results[static_cast<std::size_t>(host)] = sum.values()[0];
    });
  for (std::thread& host : hosts) host.join();
  EXPECT_EQ(results, (std::vector<float>{10100, 40200, 90300, 160400}));
}

TEST(Launch, AnEmptyGridIsNothing) {
  const emulated::Counters before = emulated::counters();
  launch({0, 64, 0, nullptr}, say_place, static_cast<float*>(nullptr));
  EXPECT_EQ(emulated::counters().launches, before.launches);
}

}  // namespace
}  // namespace modr::kernels

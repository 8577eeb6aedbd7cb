// kernels/cuda/scratch: room that operations use one after the other.
#include "kernels/cuda/scratch.hpp"

#include <chrono>
#include <string>
#include <thread>

#include "kernels/api/gpu.hpp"
#include "support/device_vector.hpp"
#include "support/orders.hpp"

namespace modr::kernels {
namespace {

using namespace modr::test;

__global__ void write_multiples(float factor, int n, float* to) {
  for (int i = static_cast<int>(threadIdx.x); i < n; i += static_cast<int>(blockDim.x))
    to[i] = factor * static_cast<float>(i);
}
__global__ void add_in_reverse(const float* from, int n, float* to) {
  for (int i = static_cast<int>(threadIdx.x); i < n; i += static_cast<int>(blockDim.x)) to[i] += from[n - 1 - i];
}

// to[i] += factor * (n - 1 - i), by way of the stream's room.
void add_multiples(const DeviceStream& stream, float factor, int n, float* to) {
  const Scratch scratch(stream.place(), static_cast<std::size_t>(n) * sizeof(float));
  launch({1, 64, 0, stream.get()}, write_multiples, factor, n, scratch.as<float>());
  launch({1, 64, 0, stream.get()}, add_in_reverse, scratch.as<float>(), n, to);
}

// The text of the Error that `f` throws; empty where there is none.
template <typename F>
std::string error_of(F f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

class ScratchInOrders : public testing::TestWithParam<RunOrder> {
 protected:
  void SetUp() override { set_order(GetParam()); }
  void TearDown() override { set_order({}); }
};
INSTANTIATE_TEST_SUITE_P(Orders, ScratchInOrders, testing::ValuesIn(run_orders()));

TEST_P(ScratchInOrders, IsUsedByOneOperationAfterTheOtherAndGrows) {
  const DeviceStream stream, other;
  const DeviceVector<float> to(std::vector<float>(1000, 0.0f)), there(std::vector<float>(1000, 0.0f));
  for (const int n : {10, 1000, 500}) {
    add_multiples(stream, 1, n, to.data());
    add_multiples(other, 3, 20, there.data());
  }
  std::vector<float> expected(1000, 0.0f);
  for (const int n : {10, 1000, 500})
    for (int i = 0; i < n; ++i) expected[static_cast<std::size_t>(i)] += static_cast<float>(n - 1 - i);
  EXPECT_EQ(to.values(), expected);
  EXPECT_EQ(there.values()[0], 3 * 3 * 19);
}

TEST_P(ScratchInOrders, MayBeCapturedOnceItIsLargeEnough) {
  const DeviceStream stream;
  const DeviceVector<float> to(std::vector<float>(400, 0.0f));
  add_multiples(stream, 1, 300, to.data());
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
  check_cuda(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeGlobal), "begin");
  add_multiples(stream, 2, 300, to.data());
  EXPECT_THROW(Scratch(stream.place(), 1 << 30), Error);
  check_cuda(cudaStreamEndCapture(stream.get(), &graph), "end");
  check_cuda(cudaGraphInstantiate(&exec, graph, 0), "a graph");
  { const Scratch larger(stream.place(), 1 << 20); }  // it grows; the graph keeps what it has
  add_multiples(stream, 4, 400, to.data());
  for (int i = 0; i < 2; ++i) check_cuda(cudaGraphLaunch(exec, stream.get()), "launch");
  check_cuda(cudaStreamSynchronize(stream.get()), "the graph");
  EXPECT_EQ(to.values()[0], 299 + 4 * 399 + 2 * 2 * 299);
  EXPECT_EQ(to.values()[350], 4 * 49);
  cudaGraphExecDestroy(exec);
  cudaGraphDestroy(graph);
}

TEST(Scratch, IsTakenOfThePoolOnce) {
  const Cuda on = place_of_gpu(0);
  { const Scratch first(on, 5000); }
  synchronize(on);
  const std::size_t before = memory_of(on).in_use;
  for (const std::size_t bytes : {5000, 1, 5000}) {
    const Scratch again(on, bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(again.as<char>()) % 256, 0U);
  }
  EXPECT_EQ(memory_of(on).in_use, before);
  EXPECT_EQ(Scratch(on, 0).as<char>(), nullptr);
}

TEST(Scratch, HasOneUserAtATime) {
  const Cuda on = place_of_gpu(0);
  std::thread waiting;
  bool is_over = false, was_over = false;
  {
    const Scratch first(on, 64);
    EXPECT_EQ(error_of([&] { Scratch(on, 64); }), "room that kernels share is asked for while it is used");
    waiting = std::thread([&] {
      const Scratch second(on, 64);
      was_over = is_over;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    is_over = true;
  }
  waiting.join();
  EXPECT_TRUE(was_over);
}

TEST(Scratch, IsEachStreamsOwn) {
  const DeviceStream a, b;
  const Scratch of_a(a.place(), 64), of_b(b.place(), 64);
  EXPECT_NE(of_a.as<char>(), of_b.as<char>());
}

TEST(Scratch, SaysWhatToDoWhereItCannotGrow) {
  const DeviceStream stream;
  cudaGraph_t graph = nullptr;
  check_cuda(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeGlobal), "begin");
  const std::string error = error_of([&] { Scratch(stream.place(), 1 << 30); });
  EXPECT_NE(error.find("a graph is captured whose kernels want 1073741824 bytes of room"), std::string::npos) << error;
  EXPECT_NE(error.find("run once what is captured before it is"), std::string::npos) << error;
  check_cuda(cudaStreamEndCapture(stream.get(), &graph), "end");
  cudaGraphDestroy(graph);
}

}  // namespace
}  // namespace modr::kernels

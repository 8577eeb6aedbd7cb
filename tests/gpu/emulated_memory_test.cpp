// The emulated device's memory, whose size a test can set: what is counted, and what happens when it is used up.
#include "kernels/api/gpu.hpp"
#include "kernels/emulated/control.hpp"
#include "support/expect_error.hpp"
#include "tensor/run_on.hpp"

namespace modr {
namespace {

const Device gpu{DeviceKind::cuda, 0};

TEST(GpuMemory, IsCounted) {
  const kernels::Cuda on = cuda_place(gpu);
  kernels::synchronize(on);
  const std::size_t before = kernels::memory_of(on).in_use;
  { const Tensor large = Tensor::empty({1 << 20}, {DType::f32, gpu}); }
  const Tensor small = Tensor::empty({256}, {DType::f32, gpu});
  const kernels::GpuMemory memory = kernels::memory_of(on);
  EXPECT_EQ(memory.in_use - before, 1024U);
  EXPECT_EQ(memory.at_most - before, std::size_t{4} << 20);
  EXPECT_GE(memory.total, memory.free + memory.in_use);
  kernels::reset_at_most(on);
  EXPECT_EQ(kernels::memory_of(on).at_most - before, 1024U);
}

TEST(GpuMemory, ThatDoesNotSufficeIsOneClearLine) {
  const std::size_t in_use = kernels::memory_of(cuda_place(gpu)).in_use;
  emulated::set_device_memory(in_use + (std::size_t{64} << 20));
  const Tensor half = Tensor::empty({10 << 20}, {DType::f32, gpu});
  expect_error([&] { Tensor::empty({10 << 20}, {DType::f32, gpu}); },
               {"out of memory on cuda:0", "a tensor of 0.04 GiB", "0.02 are free"});
  emulated::set_device_memory(std::size_t{64} << 30);
  EXPECT_NO_THROW(Tensor::empty({10 << 20}, {DType::f32, gpu}));
}

}  // namespace
}  // namespace modr

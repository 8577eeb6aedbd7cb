// Tensors of a GPU: memory, copies, and what is counted.
#include "tensor/tensor.hpp"

#include <numeric>

#include "kernels/api/gpu.hpp"
#include "support/expect_error.hpp"
#include "support/orders.hpp"
#include "tensor/device_buffer.hpp"
#include "tensor/run_on.hpp"

namespace modr {
namespace {

const Device gpu{DeviceKind::cuda, 0};

std::vector<float> counting(int64_t n) {
  std::vector<float> all(static_cast<std::size_t>(n));
  std::iota(all.begin(), all.end(), 1.0f);
  return all;
}
Tensor on_host(Shape shape) {
  const std::vector<float> values = counting(shape.numel());
  return Tensor::from<float>(values, std::move(shape), DType::f32);
}

class GpuTensors : public testing::TestWithParam<test::RunOrder> {
 protected:
  void SetUp() override { test::set_order(GetParam()); }
  void TearDown() override { test::set_order({}); }
};
INSTANTIATE_TEST_SUITE_P(Orders, GpuTensors, testing::ValuesIn(test::run_orders()));

TEST_P(GpuTensors, ComeAndGo) {
  const Tensor there = on_host({3, 5}).to(gpu);
  EXPECT_EQ(there.device(), gpu);
  EXPECT_EQ(there.slice(0, 1, 3).to(cpu_device).to_vector(), on_host({3, 5}).slice(0, 1, 3).to_vector());
  EXPECT_EQ(there.transpose(0, 1).to_vector(), on_host({3, 5}).transpose(0, 1).to_vector());
  EXPECT_EQ(there.to(DType::bf16).to_vector(), on_host({3, 5}).to_vector());
  EXPECT_EQ(there.slice(1, 4, 5).slice(0, 2, 3).item(), 15);
}

TEST_P(GpuTensors, ValuesOfTheOtherPlaceAreCopied) {
  const Tensor there = Tensor::zeros({2, 3}, {DType::bf16, gpu});
  there.slice(1, 1, 3).copy_from(on_host({2, 2}));
  EXPECT_EQ(there.to_vector(), (std::vector<double>{0, 1, 2, 0, 3, 4}));
  const Tensor here = Tensor::zeros({3, 2}, DType::f64);
  here.transpose(0, 1).copy_from(there);
  EXPECT_EQ(here.to_vector(), (std::vector<double>{0, 0, 1, 3, 2, 4}));
}

TEST_P(GpuTensors, FillAddScale) {
  const Tensor x = Tensor::full({7}, {DType::f32, gpu}, 3);
  x.add(on_host({7}).to(gpu), 2);
  x.scale(0.5);
  EXPECT_EQ(x.to_vector(), (std::vector<double>{2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5}));
  const Tensor sum = Tensor::scalar(1, {DType::f64, gpu});
  add_squares({&x, 1}, sum);
  EXPECT_EQ(sum.item(), 1 + 239.75);
}

// What is freed may still be written and read by what the stream has to do.
TEST_P(GpuTensors, AreFreedInTheStreamsOrder) {
  Tensor sum = Tensor::zeros({1000}, {DType::f32, gpu});
  for (int i = 0; i < 20; ++i) sum.add(Tensor::full({1000}, {DType::f32, gpu}, i));
  EXPECT_EQ(sum.to_vector(), std::vector<double>(1000, 190));
}

// The source of a copy may be changed as soon as it is said to be copied.
TEST_P(GpuTensors, SourcesMayChange) {
  std::vector<Tensor> there;
  const Tensor here = Tensor::zeros({50'000}, DType::f32);
  for (int i = 0; i < 3; ++i) {
    here.fill(i);
    there.push_back(here.to(gpu));
  }
  for (int i = 0; i < 3; ++i) EXPECT_EQ(there[static_cast<std::size_t>(i)].slice(0, 49'999, 50'000).item(), i);
}

TEST(GpuMemory, OfADeviceThatIsNotThere) {
  expect_error([] { Tensor::empty({1}, {DType::f32, Device{DeviceKind::cuda, 3}}); }, {"cuda:3", "this process sees 1 GPU"});
}

TEST(GpuTensor, IsNotReadByTheHost) {
  const Tensor there = Tensor::zeros({2}, {DType::f32, gpu});
  expect_error([&] { there.data<float>(); }, {"the host reads a tensor of cuda:0"});
}

TEST(GpuTensor, CopiesToTheHostAreCounted) {
  const Tensor there = Tensor::zeros({2}, {DType::f32, gpu});
  const DeviceArray<int32_t> indices({3, 1, 2});
  const int64_t before = host_copies();
  EXPECT_NE(indices.on(gpu), nullptr);
  EXPECT_EQ(indices.on(gpu), indices.on(gpu));
  EXPECT_EQ(host_copies(), before);
  there.to_vector();
  there.slice(0, 0, 1).item();
  EXPECT_EQ(host_copies(), before + 2);
}

}  // namespace
}  // namespace modr

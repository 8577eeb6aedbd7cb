#include "base/device.hpp"

#include <gtest/gtest.h>

#include "ops/index.hpp"
#include "support/expect_error.hpp"
#include "tensor/memory_ledger.hpp"
#include "tensor/tensor.hpp"

namespace modr {
namespace {

const TensorType meta(DType::f32, meta_device);

TEST(Device, NamesAreReadAndWritten) {
  EXPECT_EQ(name_of(parse_device("cpu")), "cpu");
  EXPECT_EQ(name_of(parse_device("meta")), "meta");
  EXPECT_EQ(name_of(parse_device("cuda")), "cuda:0");
  EXPECT_EQ(name_of(parse_device("cuda:11")), "cuda:11");
  for (const char* bad : {"", "gpu", "cuda:", "cuda:-1", "cuda:1x", "cuda:99999", "CPU"})
    expect_error([&] { parse_device(bad); }, {"expected cpu, cuda", bad});
}

TEST(Device, ATensorIsOnOneAndItsViewsToo) {
  const Tensor a = Tensor::zeros({2, 3}, meta);
  EXPECT_TRUE(a.device().is_meta());
  EXPECT_TRUE(a.slice(0, 1, 2).device().is_meta());
  EXPECT_TRUE(a.to(DType::bf16).device().is_meta());
  EXPECT_TRUE(a.clone().device().is_meta());
  EXPECT_TRUE(Tensor::zeros({2}, DType::f32).device().is_cpu());
  expect_error([] { Tensor::zeros({2}, {DType::f32, parse_device("cuda:1")}); }, {"cuda:1", "without CUDA"});
}

TEST(Device, TheHostReadsNoOtherDevicesMemory) {
  const Tensor a = Tensor::zeros({2, 3}, meta);
  expect_error([&] { a.data<float>(); }, {"meta", "[2, 3]"});
  expect_error([&] { a.span<float>(); }, {"meta"});
  expect_error([&] { a.to(cpu_device); }, {"no values"});
  expect_error([&] { a.copy_from(Tensor::zeros({2, 3}, DType::f32)); }, {"cpu", "meta"});
}

TEST(Device, MetaHasShapesAndNoValues) {
  const Tensor a = Tensor::full({2, 3}, meta, 7);
  a.fill(1);
  a.add(a.clone());
  a.scale(2);
  a.transpose(0, 1).copy_from(Tensor::zeros({3, 2}, meta));
  EXPECT_EQ(a.to_vector(), std::vector<double>(6, 0));
  EXPECT_EQ(Tensor::scalar(3, meta).item(), 0);
  EXPECT_EQ(a.view({3, 2}).shape(), (Shape{3, 2}));
  EXPECT_EQ(a.pointer<float>(), nullptr);
  EXPECT_EQ(Tensor::from<float>(std::vector<float>{1, 2}, {2}, DType::f32).to(meta_device).shape(), (Shape{2}));
}

TEST(Device, CopiesToTheHostAreCounted) {
  const Tensor a = Tensor::full({4}, DType::f32, 2);
  const int64_t before = host_copies();
  a.to_vector();
  a.slice(0, 1, 2).item();
  Tensor::zeros({1}, meta).item();
  DeviceBuffer<int32_t>(3, cpu_device).to_host();
  EXPECT_EQ(host_copies() - before, 4);
  a.scale(2);
  a.to(DType::bf16);
  a.data<float>();
  EXPECT_EQ(host_copies() - before, 4);
}

TEST(Device, IndicesAreGivenToKernelsWhereTheyRun) {
  const Indices indices = make_indices({3, 1, 2});
  EXPECT_EQ(indices->on(cpu_device), indices->values().data());
  EXPECT_EQ(indices->on(meta_device), nullptr);
}

TEST(MemoryLedger, CountsMetaTensorsInBlocksByWhatTheyAreFor) {
  const Tensor before = Tensor::zeros({1000}, meta);
  {
    const MemoryLedger ledger;
    Tensor first = Tensor::zeros({1000}, meta);  // 4,000 bytes
    const auto block = static_cast<int64_t>(block_bytes(4000));
    EXPECT_EQ(ledger.in_use(), block);
    {
      const MemoryUse use("weights");
      const Tensor second = Tensor::zeros({10'000}, meta);
      second.slice(0, 0, 1).set_use("messages");
      EXPECT_EQ(ledger.in_use(), block + static_cast<int64_t>(block_bytes(40'000)));
    }
    const Tensor third = Tensor::zeros({20'000}, meta);
    EXPECT_EQ(ledger.peak(), block + static_cast<int64_t>(block_bytes(80'000)));
    EXPECT_EQ(ledger.uses_at_peak().at("messages"), 0);
    EXPECT_EQ(ledger.uses_at_peak().at("rows under way"), ledger.peak());
    {
      const MemoryLedger inner;
      const Tensor fourth = Tensor::zeros({1'000'000}, meta);
      EXPECT_EQ(ledger.in_use(), ledger.peak());
      first = Tensor();  // goes from the books that it came into
      EXPECT_EQ(ledger.in_use(), ledger.peak() - block);
      EXPECT_EQ(inner.in_use(), static_cast<int64_t>(block_bytes(4'000'000)));
    }
  }
  const MemoryLedger later;
  EXPECT_EQ(later.in_use(), 0);
}

TEST(MemoryLedger, TheAllocatorTakesNothingForMeta) {
  const std::size_t before = allocator_stats().in_use;
  const Tensor huge = Tensor::zeros({int64_t{1} << 50}, meta);
  EXPECT_EQ(allocator_stats().in_use, before);
}

}  // namespace
}  // namespace modr

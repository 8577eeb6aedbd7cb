#include "checkpoint/gather.hpp"

#include <gtest/gtest.h>

#include "base/slice.hpp"
#include "support/expect_error.hpp"
#include "support/mpi_world.hpp"

namespace modr {
namespace {

Tensor counted(Shape shape, double first) {
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  for (double& value : values) value = first++;
  return Tensor::from<double>(values, std::move(shape), DType::f32);
}

TEST(GatherParts, BringsRowsOfAllRanksTogether) {
  const Communicator& world = mpi_world();
  const Tensor whole = counted({5, 2, 3}, 0), one = counted({4}, 100);
  const Slice rows = rank_slice(5, world.rank(), world.size());
  std::vector<TensorPart> mine{{"b.sliced", whole.slice(0, rows.begin, rows.end), rows.begin, 5}};
  if (world.rank() == world.size() - 1) mine.push_back({"a.whole", one});
  const auto all = gather_parts(world, mine);
  if (!world.is_root()) {
    EXPECT_TRUE(all.empty());
    return;
  }
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].first, "a.whole");
  EXPECT_EQ(all[0].second.to_vector(), one.to_vector());
  EXPECT_EQ(all[1].first, "b.sliced");
  EXPECT_EQ(all[1].second.shape(), whole.shape());
  EXPECT_EQ(all[1].second.to_vector(), whole.to_vector());
}

TEST(GatherParts, SaysWhenRowsAreMissingOrThereTwice) {
  const Communicator& world = mpi_world();
  std::vector<TensorPart> missing;
  if (world.is_root()) missing.push_back({"w", counted({2, 2}, 0), 0, 3});
  expect_error([&] { gather_parts(world, missing); }, {"w", "2 values are missing"});
  if (world.size() == 1) return;
  expect_error([&] { gather_parts(world, {{"w", counted({2, 2}, 0)}}); }, {"w", "there twice"});
}

}  // namespace
}  // namespace modr

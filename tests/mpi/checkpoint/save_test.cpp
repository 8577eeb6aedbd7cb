#include "checkpoint/checkpoint_save.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>

#include "base/slice.hpp"
#include "checkpoint/verify.hpp"
#include "support/expect_error.hpp"
#include "support/file_size_limit.hpp"
#include "support/mpi_world.hpp"
#include "support/random_tensor.hpp"
#include "support/shared_folder.hpp"

namespace modr {
namespace {

namespace fs = std::filesystem;

using testing::random_tensor;

const Tensor& wide() {
  static const Tensor tensor = random_tensor({700, 1000}, DType::f32, 1);
  return tensor;
}
const Tensor& branches() {
  static const Tensor tensor = random_tensor({5, 16, 300}, DType::f32, 2);
  return tensor;
}

// The wide tensor on all ranks, the branches dealt out, their moments on all ranks of two groups.
std::vector<CheckpointTensor> parts_of(const Communicator& world) {
  const int rank = world.rank(), size = world.size();
  const Slice rows = rank_slice(5, rank, size);
  const int groups = size > 1 ? 2 : 1, group = rank % groups;
  const Slice of_group = rank_slice(5, group, groups);
  return {{{"weights/wide", wide()}, true, world},
          {{"weights/branches", branches().slice(0, rows.begin, rows.end), rows.begin, 5}, true},
          {{"optimizer/exp_avg/branches", branches().slice(0, of_group.begin, of_group.end), of_group.begin, 5},
           false, world.split(group, 0)}};
}

CheckpointInfo info() {
  CheckpointInfo info;
  info.step = 7;
  info.mode = "modr";
  info.config = "a: 1\n";
  return info;
}

std::string digests_of(const fs::path& path) {
  const CheckpointReader reader(path);
  return reader.weights_digest().value() + reader.optimizer_digest().value();
}

TEST(CheckpointSave, WritesWhatOneProcessWouldWrite) {
  const Communicator& world = mpi_world();
  const SharedFolder folder;
  const fs::path path = folder.path() / "a.h5", alone = folder.path() / fmt::format("alone{}.h5", world.rank());
  CheckpointSave save(world, path, info(), parts_of(world));
  CheckpointBuffer buffer;
  save.copy_values(buffer);
  save.work();
  while (!save.advance()) {
    EXPECT_FALSE(fs::exists(path)) << "no name before all is there";
    world.barrier();
    save.work();
  }
  EXPECT_EQ(save.total_bytes(), 4U * (700'000 + 2 * 24'000));
  EXPECT_EQ(world.all_reduced(static_cast<int64_t>(save.share_bytes())), static_cast<int64_t>(save.total_bytes()));
  save_checkpoint(alone, info(), {{"wide", wide(), true}, {"branches", branches(), true}},
                  {{"exp_avg/branches", branches()}});
  EXPECT_EQ(digests_of(path), digests_of(alone));
  const CheckpointVerification found = verify_checkpoint(path);
  EXPECT_TRUE(found.problems.empty()) << found.problems.front();
  const CheckpointReader reader(path);
  EXPECT_EQ(reader.read_weight("wide", DType::f32).to_vector(), wide().to_vector());
  EXPECT_EQ(reader.read_weight("branches", DType::f32).to_vector(), branches().to_vector());
  EXPECT_EQ(reader.read_optimizer_tensor("exp_avg/branches").to_vector(), branches().to_vector());
  world.barrier();
}

// Small tensors are most of a model's: that each starts with the first of its holders must not leave them all to one.
TEST(CheckpointSave, SharesOfManySmallTensorsAreEven) {
  const Communicator& world = mpi_world();
  const SharedFolder folder;
  std::vector<CheckpointTensor> tensors;
  for (int i = 0; i < 40; ++i)
    tensors.push_back({{fmt::format("weights/w{}", i), random_tensor({50, 100}, DType::f32, 1)}, true, world});
  if (world.rank() % 2 == 1) std::ranges::reverse(tensors);  // which order a rank has them in is its own affair
  CheckpointSave save(world, folder.path() / "a.h5", info(), tensors);
  const auto share = static_cast<double>(save.share_bytes()), all = static_cast<double>(save.total_bytes());
  EXPECT_LE(world.all_reduced(share, ReduceOp::max), 1.5 * all / world.size());
  save.run();
  const CheckpointVerification found = verify_checkpoint(folder.path() / "a.h5");
  EXPECT_TRUE(found.problems.empty()) << found.problems.front();
  world.barrier();
}

TEST(CheckpointSave, KeepsTheCopyWhileTensorsChange) {
  const Communicator& world = mpi_world();
  const SharedFolder folder;
  const Tensor changing = wide().clone();
  CheckpointBuffer buffer;
  CheckpointSave save(world, folder.path() / "a.h5", info(),
                      {{{"weights/w", changing}, true, world}});
  save.copy_values(buffer);
  changing.fill(-1);
  save.run();
  EXPECT_EQ(CheckpointReader(folder.path() / "a.h5").read_weight("w", DType::f32).to_vector(), wide().to_vector());
  world.barrier();
}

TEST(CheckpointSave, SaysWhenRowsAreMissingOrThereTwice) {
  const Communicator& world = mpi_world();
  const SharedFolder folder;
  std::vector<CheckpointTensor> tensors;
  if (world.is_root()) tensors.push_back({{"weights/w", random_tensor({2, 2}, DType::f32, 1), 0, 3}});
  const auto save = [&] { CheckpointSave(world, folder.path() / "a.h5", info(), tensors); };
  expect_error(save, {"checkpoint of step 7 was not saved", "weights/w: 2 values are missing"});
  tensors = {{{"weights/w", random_tensor({2, 2}, DType::f32, 1)}}};
  if (world.size() > 1) expect_error(save, {"weights/w", "there twice"});
  world.barrier();
  EXPECT_TRUE(world.size() == 1 || fs::is_empty(folder.path()));
  world.barrier();
}

TEST(CheckpointSave, OneRankThatCannotWriteLeavesTheOlderFile) {
  const Communicator& world = mpi_world();
  const SharedFolder folder;
  const fs::path path = folder.path() / "a.h5";
  CheckpointSave(world, path, info(), parts_of(world)).run();
  const std::string before = digests_of(path);
  world.barrier();
  {
    CheckpointSave save(world, path, info(), {{{"weights/other", wide()}, true, world}});
    save.work();
    save.advance();
    {
      // Of the three chunks one of this rank's is behind this place: as on a disk that is full for one host.
      const FileSizeLimit full(world.rank() == std::min(2, world.size() - 1) ? 1'000'000 : std::size_t{1} << 40);
      save.work();
    }
    expect_error([&] { save.advance(); },
                 {"checkpoint of step 7 was not saved", "a.h5: cannot be written: File too large"});
  }
  world.barrier();
  EXPECT_EQ(digests_of(path), before);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1) << "nothing is left of the save";
  world.barrier();
}

TEST(CheckpointSave, RefusesValuesThatAreNotFinite) {
  const Communicator& world = mpi_world();
  const SharedFolder folder;
  const Tensor rows = branches().clone();
  rows.slice(0, 4, 5).fill(std::numeric_limits<double>::quiet_NaN());
  const Slice mine = rank_slice(5, world.rank(), world.size());
  CheckpointSave save(world, folder.path() / "a.h5", info(),
                      {{{"weights/w", rows.slice(0, mine.begin, mine.end), mine.begin, 5}, true}});
  expect_error([&] { save.run(); }, {"weights/w: 4800 of 24000 values are not finite"});
  EXPECT_FALSE(fs::exists(folder.path() / "a.h5"));
  world.barrier();
}

}  // namespace
}  // namespace modr

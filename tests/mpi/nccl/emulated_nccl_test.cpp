// That the emulated NCCL does what NVIDIA's documents, and names what would hang or crash there.
#include <gtest/gtest.h>
#include <nccl.h>

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "comm/emulated_nccl/patience.hpp"
#include "kernels/emulated/control.hpp"
#include "support/device_vector.hpp"
#include "support/mpi_world.hpp"

namespace modr {
namespace {

using test::DeviceStream, test::DeviceVector;

// A communicator over all ranks. It is left behind: not all tests leave it in a state in which it could be ended.
ncclComm_t make_comm(int blocking = 1) {
  const Communicator& world = mpi_world();
  ncclUniqueId id{};
  if (world.is_root()) ncclGetUniqueId(&id);
  world.broadcast(std::span(&id, 1), 0);
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = blocking;
  ncclComm_t comm = nullptr;
  const ncclResult_t begun = ncclCommInitRankConfig(&comm, world.size(), id, world.rank(), &config);
  EXPECT_EQ(begun, blocking != 0 ? ncclSuccess : ncclInProgress);
  return comm;
}

void poll(ncclComm_t comm) {
  ncclResult_t result = ncclInProgress;
  while (result == ncclInProgress) ASSERT_EQ(ncclCommGetAsyncError(comm, &result), ncclSuccess);
  ASSERT_EQ(result, ncclSuccess);
}

std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

void expect_error(const std::string& part, const std::function<void()>& call) {
  const std::string text = error_of(call);
  EXPECT_TRUE(text.starts_with("emulated NCCL: ")) << text;
  EXPECT_NE(text.find(part), std::string::npos) << text;
}

class EmulatedNccl : public testing::TestWithParam<emulated::Streams> {
 protected:
  EmulatedNccl() { emulated::set_streams(GetParam()); }
  ~EmulatedNccl() override {
    emulated::set_nccl_patience(300);
    mpi_world().barrier();
  }

  int rank() const { return mpi_world().rank(); }
  int size() const { return mpi_world().size(); }
  std::vector<float> own_values(std::size_t count) const {
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(100 * rank()) + static_cast<float>(i);
    return values;
  }

  DeviceStream stream_;
};

INSTANTIATE_TEST_SUITE_P(, EmulatedNccl, testing::Values(emulated::Streams::eager, emulated::Streams::lazy),
                         [](const auto& tested) {
                           return tested.param == emulated::Streams::eager ? "Eager" : "Lazy";
                         });

TEST_P(EmulatedNccl, Collectives) {
  ncclComm_t comm = make_comm();
  const auto n = static_cast<std::size_t>(size());
  const DeviceVector<float> mine(own_values(3 * n)), sum(3 * n), part(3), all(3 * n * n), of_last(own_values(3 * n));
  ncclAllReduce(mine.data(), sum.data(), 3 * n, ncclFloat32, ncclSum, comm, stream_.get());
  ncclReduceScatter(mine.data(), part.data(), 3, ncclFloat32, ncclMax, comm, stream_.get());
  ncclAllGather(mine.data(), all.data(), 3 * n, ncclFloat32, comm, stream_.get());
  ncclBroadcast(of_last.data(), of_last.data(), 3 * n, ncclFloat32, size() - 1, comm, stream_.get());
  for (std::size_t i = 0; i < 3 * n; ++i) {
    EXPECT_EQ(sum.values()[i], static_cast<float>(50 * n * (n - 1) + n * i));
    EXPECT_EQ(of_last.values()[i], static_cast<float>(100 * (n - 1) + i));
    for (std::size_t from = 0; from < n; ++from)
      EXPECT_EQ(all.values()[from * 3 * n + i], static_cast<float>(100 * from + i));
  }
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_EQ(part.values()[i], static_cast<float>(100 * (n - 1) + 3 * static_cast<std::size_t>(rank()) + i));
  EXPECT_EQ(ncclCommFinalize(comm), ncclSuccess);
  EXPECT_EQ(ncclCommDestroy(comm), ncclSuccess);
}

TEST_P(EmulatedNccl, GroupsOfMessagesAreOneOperation) {
  ncclComm_t comm = make_comm();
  const auto n = static_cast<std::size_t>(size());
  const DeviceVector<float> send(own_values(n)), receive(n);
  ncclGroupStart();
  for (int peer = 0; peer < size(); ++peer) {  // each first to rank 0, which one after the other would hang
    ncclSend(send.data() + peer, 1, ncclFloat32, peer, comm, stream_.get());
    ncclRecv(receive.data() + peer, 1, ncclFloat32, peer, comm, stream_.get());
  }
  ncclGroupEnd();
  for (std::size_t from = 0; from < n; ++from)
    EXPECT_EQ(receive.values()[from], static_cast<float>(100 * from) + static_cast<float>(rank()));
  ncclCommDestroy(comm);
}

// Until one has polled nothing is in the stream's order.
TEST_P(EmulatedNccl, WhatDoesNotBlockHasToBePolled) {
  ncclComm_t comm = make_comm(/*blocking=*/0);
  const DeviceVector<float> values(own_values(5));
  const auto reduce = [&] {
    return ncclAllReduce(values.data(), values.data(), 5, ncclFloat32, ncclSum, comm, stream_.get());
  };
  expect_error("before its creation is done", reduce);
  poll(comm);
  EXPECT_EQ(reduce(), ncclInProgress);
  EXPECT_EQ(values.values(), own_values(5));
  expect_error("while its last call is in progress", reduce);
  poll(comm);
  EXPECT_EQ(values.values()[0], static_cast<float>(50 * size() * (size() - 1)));
  ncclCommDestroy(comm);
}

TEST_P(EmulatedNccl, WhatIsUnderWayDoesNotBlockTheHost) {
  ncclComm_t comm = make_comm();
  const DeviceVector<float> values(own_values(5));
  cudaEvent_t event = nullptr;
  cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
  if (rank() > 0) mpi_world().barrier();
  ncclAllReduce(values.data(), values.data(), 5, ncclFloat32, ncclSum, comm, stream_.get());
  cudaEventRecord(event, stream_.get());
  if (rank() == 0 && size() > 1) {
    for (int i = 0; i < 10; ++i) EXPECT_EQ(cudaEventQuery(event), cudaErrorNotReady);
  }
  if (rank() == 0) mpi_world().barrier();
  EXPECT_EQ(cudaEventSynchronize(event), cudaSuccess);
  EXPECT_EQ(values.values()[0], static_cast<float>(50 * size() * (size() - 1)));
  cudaEventDestroy(event);
  ncclCommDestroy(comm);
}

TEST_P(EmulatedNccl, WrongArgumentsAreNamed) {
  ncclComm_t comm = make_comm();
  const DeviceVector<float> values(own_values(5));
  std::vector<float> host(5);
  const auto send = [&](const float* from, std::size_t count, int peer) {
    return [=, this] { ncclSend(from, count, ncclFloat32, peer, comm, stream_.get()); };
  };
  expect_error("not the device's", send(host.data(), 5, size() - 1));
  expect_error("reads 24 bytes", send(values.data(), 6, size() - 1));
  expect_error(fmt::format("rank {} of a communicator of {}", size(), size()), send(values.data(), 5, size()));
  expect_error("to oneself outside of a group", send(values.data(), 5, rank()));
  expect_error("no communicator", [&] { ncclSend(values.data(), 5, ncclFloat32, 0, nullptr, stream_.get()); });
  expect_error("without ncclGroupStart", [] { ncclGroupEnd(); });
  ncclGroupStart();
  expect_error("left open", [&] { ncclCommDestroy(comm); });
  ncclGroupEnd();
  ncclCommFinalize(comm);
  expect_error("after it was finalized", send(values.data(), 5, 0));
}

TEST_P(EmulatedNccl, OtherCountsAndMissingRanksAreNamed) {
  if (size() == 1) GTEST_SKIP() << "nobody to differ from";
  emulated::set_nccl_patience(0.3);
  const DeviceVector<float> values(own_values(5));
  const bool is_last = rank() == size() - 1;
  ncclComm_t comm = make_comm();
  expect_error("which calls all_reduce of", [&] {
    ncclAllReduce(values.data(), values.data(), is_last ? 4 : 5, ncclFloat32, ncclSum, comm, stream_.get());
    cudaStreamSynchronize(stream_.get());
  });
  mpi_world().barrier();
  comm = make_comm();
  if (!is_last) {
    expect_error(fmt::format("waits for rank {} in collective 0, all_reduce of 5", size() - 1), [&] {
      ncclAllReduce(values.data(), values.data(), 5, ncclFloat32, ncclSum, comm, stream_.get());
      cudaStreamSynchronize(stream_.get());
    });
  }
  mpi_world().barrier();
  comm = make_comm();
  if (rank() == 0) {
    expect_error("waits for rank 1 which sends 16 bytes in a receive of 5 elements", [&] {
      ncclRecv(values.data(), 5, ncclFloat32, 1, comm, stream_.get());
      cudaStreamSynchronize(stream_.get());
    });
  }
  if (rank() == 1) {
    ncclSend(values.data(), 4, ncclFloat32, 0, comm, stream_.get());
    cudaStreamSynchronize(stream_.get());
  }
}

TEST_P(EmulatedNccl, AnAbortEndsWhatIsUnderWay) {
  if (size() == 1) GTEST_SKIP() << "nobody to wait for";
  ncclComm_t comm = make_comm();
  const DeviceVector<float> values(own_values(5));
  if (rank() > 0) return;
  ncclAllReduce(values.data(), values.data(), 5, ncclFloat32, ncclSum, comm, stream_.get());
  ncclCommAbort(comm);
  EXPECT_EQ(cudaStreamSynchronize(stream_.get()), cudaSuccess);
}

TEST_P(EmulatedNccl, RanksThatShareADeviceAreRefused) {
  if (size() == 1) GTEST_SKIP() << "nobody to share with";
  if (rank() < 2) emulated::set_bus_id(7);
  const Communicator& world = mpi_world();
  ncclUniqueId id{};
  if (world.is_root()) ncclGetUniqueId(&id);
  world.broadcast(std::span(&id, 1), 0);
  ncclComm_t comm = nullptr;
  EXPECT_EQ(ncclCommInitRankConfig(&comm, size(), id, rank(), nullptr), ncclInvalidUsage);
  EXPECT_STREQ(ncclGetLastError(comm), "Duplicate GPU detected");
  emulated::set_bus_id(-1);
}

}  // namespace
}  // namespace modr

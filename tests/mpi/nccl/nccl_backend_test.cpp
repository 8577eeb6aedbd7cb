// A group on a device's stream against the same group on the host: the same calls with the same values.
#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "base/philox.hpp"
#include "comm/comm_error.hpp"
#include "comm/mpi_backend.hpp"
#include "kernels/emulated/control.hpp"
#include "support/device_vector.hpp"
#include "support/mpi_world.hpp"
#include "tensor/tensor_bytes.hpp"

namespace modr {
namespace {

using test::DeviceStream, test::DeviceVector;

template <typename T>
std::span<T> span_of(const DeviceVector<T>& values) {
  return {values.data(), values.size()};
}

template <typename T>
std::vector<T> random_values(std::size_t count, int rank) {
  PhiloxSequence random(7, RandomStream::data, static_cast<uint64_t>(rank));
  std::vector<T> values(count);
  for (T& value : values) value = static_cast<T>(1000 * random.normal());
  return values;
}

class OnAStream : public testing::TestWithParam<emulated::Streams> {
 protected:
  OnAStream() { emulated::set_streams(GetParam()); }
  ~OnAStream() override { mpi_world().barrier(); }

  // Groups of its own, which a test may lose.
  const Communicator host_{make_mpi_backend()};
  const DeviceStream stream_;
  const Communicator device_ = host_.on(Stream{stream_.get()});
  const int rank_ = host_.rank(), size_ = host_.size();
};

INSTANTIATE_TEST_SUITE_P(, OnAStream, testing::Values(emulated::Streams::eager, emulated::Streams::lazy),
                         [](const auto& tested) {
                           return tested.param == emulated::Streams::eager ? "Eager" : "Lazy";
                         });

template <typename T>
void expect_reductions(const Communicator& host, const Communicator& device) {
  for (const std::size_t count : {0, 1, 7, 4096, 30011}) {
    for (const ReduceOp op : {ReduceOp::sum, ReduceOp::max, ReduceOp::min}) {
      std::vector<T> values = random_values<T>(count, host.rank());
      const DeviceVector<T> on_device(values);
      host.all_reduce(std::span(values), op);
      device.all_reduce(span_of(on_device), op);
      const std::vector<T> got = on_device.values();
      EXPECT_EQ(got, values) << count;  // the emulated NCCL's sums are MPI's
      std::vector<T> of_root = got;
      host.broadcast(std::span(of_root), 0);
      EXPECT_TRUE(count == 0 || std::memcmp(of_root.data(), got.data(), count * sizeof(T)) == 0);
    }
  }
}

TEST_P(OnAStream, Reductions) {
  expect_reductions<float>(host_, device_);
  expect_reductions<double>(host_, device_);
  expect_reductions<int64_t>(host_, device_);
}

TEST_P(OnAStream, Broadcasts) {
  for (int root = 0; root < size_; ++root) {
    for (const std::size_t count : {0, 1, 1001}) {
      const DeviceVector<float> values(random_values<float>(count, rank_));
      device_.broadcast(span_of(values), root);
      EXPECT_EQ(values.values(), random_values<float>(count, root));
    }
  }
}

TEST_P(OnAStream, AllGathers) {
  for (const std::size_t count : {0, 1, 333}) {
    const std::vector<double> mine = random_values<double>(count, rank_);
    std::vector<double> expected(count * static_cast<std::size_t>(size_));
    host_.all_gather(std::span<const double>(mine), std::span(expected));
    const DeviceVector<double> on_device(mine), all(expected.size());
    device_.all_gather(std::span<const double>(span_of(on_device)), span_of(all));
    EXPECT_EQ(all.values(), expected);
  }
}

TEST_P(OnAStream, OneBlockEach) {
  for (const int64_t block : {0, 1, 5}) {
    const std::vector<float> mine = random_values<float>(static_cast<std::size_t>(block * size_), rank_);
    const DeviceVector<float> send(mine), receive(mine.size());
    device_.backend().all_to_all(std::as_bytes(span_of(send)), std::as_writable_bytes(span_of(receive)),
                                 block * static_cast<int64_t>(sizeof(float)));
    EXPECT_EQ(receive.values(), host_.all_to_all(std::span<const float>(mine)));
  }
}

// Counts of an exchange, [from][to]: the same on all ranks, a third of them nothing.
using Counts = std::vector<std::vector<int64_t>>;
Counts random_counts(int size, uint64_t seed, int64_t limit) {
  const auto n = static_cast<std::size_t>(size);
  PhiloxSequence random(seed, RandomStream::data, 0);
  Counts counts(n, std::vector<int64_t>(n));
  for (auto& row : counts)
    for (int64_t& count : row)
      count = std::max<int64_t>(0, static_cast<int64_t>((1.5 * random.uniform() - 0.5) * static_cast<double>(limit)));
  return counts;
}

struct Exchanged {
  std::vector<int64_t> send_counts, receive_counts;
  std::vector<float> send, expected;

  Exchanged(const Communicator& host, const Counts& counts)
      : send_counts(counts[static_cast<std::size_t>(host.rank())]) {
    for (const auto& row : counts) receive_counts.push_back(row[static_cast<std::size_t>(host.rank())]);
    const auto sum = [](const std::vector<int64_t>& of) {
      int64_t total = 0;
      for (const int64_t count : of) total += count;
      return static_cast<std::size_t>(total);
    };
    send = random_values<float>(sum(send_counts), host.rank());
    expected.resize(sum(receive_counts));
    host.all_to_all_v(std::span<const float>(send), send_counts, std::span(expected), receive_counts);
  }
};

TEST_P(OnAStream, Exchanges) {
  const auto n = static_cast<std::size_t>(size_);
  std::vector<Counts> cases{Counts(n, std::vector<int64_t>(n, 0)), Counts(n, std::vector<int64_t>(n, 1))};
  for (std::size_t rank = 0; rank < n; ++rank) {
    Counts to_one = cases[0], from_one = cases[0], to_itself = cases[0];
    for (auto& row : to_one) row[rank] = 100;
    from_one[rank].assign(n, 100);
    to_itself[rank][rank] = 100;
    cases.insert(cases.end(), {to_one, from_one, to_itself});
  }
  for (uint64_t seed = 0; seed < 20; ++seed) cases.push_back(random_counts(size_, seed, seed == 0 ? 20000 : 30));
  for (const Counts& counts : cases) {
    const Exchanged exchanged(host_, counts);
    const DeviceVector<float> send(exchanged.send), receive(exchanged.expected.size());
    device_.all_to_all_v(std::span<const float>(span_of(send)), exchanged.send_counts, span_of(receive),
                         exchanged.receive_counts);
    EXPECT_EQ(receive.values(), exchanged.expected);
  }
}

TEST_P(OnAStream, SeveralAreUnderWayAndWaitedForInAnyOrder) {
  std::vector<Exchanged> all;
  for (uint64_t seed = 0; seed < 5; ++seed) all.emplace_back(host_, random_counts(size_, seed, 50));
  std::vector<std::unique_ptr<DeviceVector<float>>> send, receive;
  std::vector<Pending> pending;
  for (const Exchanged& one : all) {
    send.push_back(std::make_unique<DeviceVector<float>>(one.send));
    receive.push_back(std::make_unique<DeviceVector<float>>(one.expected.size()));
    pending.push_back(device_.start_all_to_all_v(std::span<const float>(span_of(*send.back())), one.send_counts,
                                                 span_of(*receive.back()), one.receive_counts));
    EXPECT_EQ(host_.all_reduced(int64_t{1}), size_);
  }
  while (!pending[2].done()) {
  }
  pending[4].wait();
  pending[0].wait();
  pending.clear();  // the others are left to the stream
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(receive[i]->values(), all[i].expected);
}

TEST_P(OnAStream, ThingsHappenInTheStreamsOrder) {
  const DeviceVector<float> values(random_values<float>(100, rank_)), copy(100);
  cudaMemcpyAsync(copy.data(), values.data(), values.bytes(), cudaMemcpyDeviceToDevice, stream_.get());
  device_.all_reduce(span_of(copy), ReduceOp::max);
  cudaMemcpyAsync(values.data(), copy.data(), values.bytes(), cudaMemcpyDeviceToDevice, stream_.get());
  cudaMemsetAsync(copy.data(), 0, copy.bytes(), stream_.get());
  std::vector<float> expected = random_values<float>(100, rank_);
  host_.all_reduce(std::span(expected), ReduceOp::max);
  device_.settle();
  EXPECT_EQ(values.values(), expected);
}

TEST_P(OnAStream, ManyLagBehind) {
  const DeviceVector<int64_t> value(std::vector<int64_t>{1});
  int64_t expected = 1;
  for (int i = 0; i < 200; ++i) {
    device_.all_reduce(span_of(value));
    expected = static_cast<int64_t>(static_cast<uint64_t>(expected) * static_cast<uint64_t>(size_));  // wraps
  }
  device_.settle();
  EXPECT_EQ(value.values().front(), expected);
}

// From rank to rank round the ring; the first receives last.
TEST_P(OnAStream, MessagesKeepTheirOrder) {
  if (size_ == 1) GTEST_SKIP() << "nobody to send to";
  const int next = (rank_ + 1) % size_, previous = (rank_ + size_ - 1) % size_;
  const std::vector<float> of_previous = random_values<float>(50, previous);
  const DeviceVector<float> sent(random_values<float>(50, rank_)), received(50);
  const auto send = [&](std::size_t i) {
    return device_.start_send(std::as_bytes(span_of(sent).first(10 * i)), next, static_cast<int64_t>(i));
  };
  const auto receive = [&](std::size_t i) {
    return device_.start_receive(std::as_writable_bytes(span_of(received).first(10 * i)), previous,
                                 static_cast<int64_t>(i));
  };
  for (std::size_t i = 0; i < 6; ++i) {  // the first is empty
    Pending first = rank_ == 0 ? send(i) : receive(i), second = rank_ == 0 ? receive(i) : send(i);
    first.wait();
    second.wait();
  }
  EXPECT_EQ(received.values(), of_previous);
}

// Rank 0 has given its GPU the work and waits for the others on the host, who wait for that work.
TEST_P(OnAStream, GoesOnWhileARankWaitsOnTheHost) {
  const DeviceVector<int64_t> value(std::vector<int64_t>{1});
  host_.set_timeout(20);
  device_.all_reduce(span_of(value));
  if (rank_ > 0) {
    device_.settle();
    EXPECT_EQ(value.values().front(), size_);
  }
  host_.barrier();
}

TEST_P(OnAStream, PartsHaveStreamsToo) {
  const Communicator parity = host_.split(rank_ % 2, -rank_, "parity");
  ASSERT_TRUE(parity.reaches(Stream{stream_.get()}));
  const DeviceVector<int64_t> value(std::vector<int64_t>{rank_});
  parity.on(Stream{stream_.get()}).all_reduce(span_of(value));
  int64_t expected = 0;
  for (int rank = rank_ % 2; rank < size_; rank += 2) expected += rank;
  EXPECT_EQ(value.values().front(), expected);
  EXPECT_EQ(device_.split(0, 0, "all").all_reduced(int64_t{1}), size_);
  EXPECT_TRUE(device_.on(Stream{}) == host_);
}

TEST_P(OnAStream, RanksThatShareAGpuStayOnTheHost) {
  if (size_ == 1) GTEST_SKIP() << "nobody to share with";
  if (rank_ >= size_ - 2) emulated::set_bus_id(3);
  const Communicator sharing(make_mpi_backend());
  EXPECT_FALSE(sharing.reaches(Stream{stream_.get()}));
  EXPECT_TRUE(sharing.reaches(Stream{}));
  EXPECT_THROW(sharing.on(Stream{stream_.get()}), Error);
  EXPECT_EQ(sharing.all_reduced(int64_t{1}), size_);
  emulated::set_bus_id(-1);
}

// The text that `call` throws where it is called, and what the group then is.
template <typename F>
std::string lost_by(const Communicator& device, F&& call) {
  try {
    call();
  } catch (const CommError& error) {
    EXPECT_TRUE(device.is_lost());
    EXPECT_THROW(device.barrier(), CommError);
    return error.what();
  }
  return "nothing was thrown";
}

TEST_P(OnAStream, AnotherCountIsTheSameErrorOnAll) {
  if (size_ == 1) GTEST_SKIP() << "nobody to differ from";
  const DeviceVector<float> values(random_values<float>(1000, rank_));
  const bool is_last = rank_ == size_ - 1;
  device_.all_reduce(span_of(values));
  device_.settle();
  const std::string text = lost_by(device_, [&] {
    device_.all_reduce(span_of(values).first(is_last ? 999 : 1000));
    device_.settle();
  });
  EXPECT_TRUE(text.starts_with("ranks disagree in collective ")) << text;
  EXPECT_NE(text.find(fmt::format("rank {} calls all_reduce of 999 f32", size_ - 1)), std::string::npos) << text;
}

TEST_P(OnAStream, UnequalCountsNameThePair) {
  if (size_ == 1) GTEST_SKIP() << "nobody to differ from";
  const auto n = static_cast<std::size_t>(size_);
  std::vector<int64_t> send_counts(n, 1);
  const std::vector<int64_t> receive_counts(n, 1);
  if (rank_ == 0) send_counts[1] = 3;
  const DeviceVector<double> send(n + (rank_ == 0 ? 2 : 0)), receive(n);
  const std::string text = lost_by(device_, [&] {
    device_.all_to_all_v(std::span<const double>(span_of(send)), send_counts, span_of(receive), receive_counts);
    device_.settle();
  });
  EXPECT_NE(text.find("all_to_all_v: rank 0 sends rank 1 24 bytes, which expects 8"), std::string::npos) << text;
}

TEST_P(OnAStream, AnotherLabelIsTheReceiversError) {
  if (size_ == 1) GTEST_SKIP() << "nobody to differ from";
  const DeviceVector<float> values(10);
  if (rank_ == 0) device_.set_timeout(2);
  if (rank_ == 0) {
    const std::string text =
        lost_by(device_, [&] { device_.start_receive(std::as_writable_bytes(span_of(values)), 1, 7).wait(); });
    EXPECT_TRUE(
        text.starts_with("ranks disagree in a message of group 'world': rank 1 calls send of 40 bytes with "
                         "label 8"))
        << text;
  }
  if (rank_ == 1) {
    device_.set_timeout(0.5);
    try {
      device_.start_send(std::as_bytes(span_of(values)), 0, 8).wait();
    } catch (const CommError&) {  // or not: NCCL may have delivered it before the labels were compared
    }
  }
}

TEST_P(OnAStream, WhoDoesNotComeIsNamed) {
  if (size_ == 1) GTEST_SKIP() << "nobody to wait for";
  const DeviceVector<float> values(random_values<float>(1000, rank_));
  mpi_world().barrier();
  if (rank_ == size_ - 1) {
    host_.announce({.phase = "asleep", .step = 3});
    mpi_world().barrier();
    return;
  }
  host_.set_timeout(1);
  const std::string text = lost_by(device_, [&] {
    device_.all_reduce(span_of(values));
    device_.settle();
  });
  EXPECT_TRUE(text.starts_with(fmt::format("rank {} did not come to collective ", size_ - 1))) << text;
  EXPECT_NE(text.find("all_reduce of 1000 f32"), std::string::npos) << text;
  EXPECT_NE(text.find("it is in phase asleep, step 3"), std::string::npos) << text;
  EXPECT_EQ(cudaStreamSynchronize(stream_.get()), cudaSuccess);  // the abort has ended what was under way
  mpi_world().barrier();
}

// The host's own wait for a tensor has no time-out; what the tensor waits for has.
TEST(OnATensorsStream, WhoDoesNotComeIsNamedToWhoReads) {
  const Communicator host(make_mpi_backend());
  if (host.size() == 1) GTEST_SKIP() << "nobody to wait for";
  const Device gpu = parse_device("cuda");
  const Stream stream{queue_of(gpu)};
  ASSERT_TRUE(host.reaches(stream));
  const Tensor values = Tensor::full({100}, {DType::f32, gpu}, 1);
  host.on(stream).all_reduce(values_of<float>(values));
  EXPECT_EQ(values.to_vector().front(), static_cast<double>(host.size()));
  mpi_world().barrier();
  if (host.rank() == host.size() - 1) {
    host.announce({.phase = "asleep", .step = 4});
    mpi_world().barrier();
    return;
  }
  host.set_timeout(1);
  const std::string text = lost_by(host.on(stream), [&] {
    host.on(stream).all_reduce(values_of<float>(values));
    values.to_vector();
  });
  EXPECT_TRUE(text.starts_with(fmt::format("rank {} did not come to collective ", host.size() - 1))) << text;
  EXPECT_NE(text.find("it is in phase asleep, step 4"), std::string::npos) << text;
  mpi_world().barrier();
}

}  // namespace
}  // namespace modr

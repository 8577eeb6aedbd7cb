#include "comm/mpi_backend.hpp"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "comm/mpi_check.hpp"
#include "comm/mpi_counter.hpp"
#include "comm/mpi_group.hpp"
#include "comm/mpi_monitor.hpp"
#include "comm/mpi_operation.hpp"
#include "comm/nccl_backend.hpp"

namespace modr {

namespace {

struct Element {
  MPI_Datatype type;
  int64_t size;
};

Element element_of(ReduceType type) {
  switch (type) {
    case ReduceType::f32: return {MPI_FLOAT, sizeof(float)};
    case ReduceType::f64: return {MPI_DOUBLE, sizeof(double)};
    case ReduceType::i64: return {MPI_INT64_T, sizeof(int64_t)};
  }
  fail("unknown reduce type {}", static_cast<int>(type));
}

MPI_Op mpi_op_of(ReduceOp op) {
  switch (op) {
    case ReduceOp::sum: return MPI_SUM;
    case ReduceOp::max: return MPI_MAX;
    case ReduceOp::min: return MPI_MIN;
  }
  fail("unknown reduce operation {}", static_cast<int>(op));
}

Unit unit_of(ReduceType type) {
  switch (type) {
    case ReduceType::f32: return Unit::f32;
    case ReduceType::f64: return Unit::f64;
    case ReduceType::i64: return Unit::i64;
  }
  fail("unknown reduce type {}", static_cast<int>(type));
}

class MpiBackend final : public CommBackend, public std::enable_shared_from_this<MpiBackend> {
 public:
  MpiBackend(std::shared_ptr<MpiGroup> group, int64_t max_count) : group_(std::move(group)), max_count_(max_count) {}

  int rank() const override { return group_->rank(); }
  int size() const override { return group_->size(); }

  // MPI cannot split without blocking: it begins when all have come.
  std::shared_ptr<CommBackend> split(int color, int key, const std::string& name) override {
    MpiCollective meeting(group_, group_->tag(Operation::split));
    meeting.wait();
    MPI_Comm part = MPI_COMM_NULL;
    MODR_MPI(MPI_Comm_split, comm(), color, key, &part);
    return std::make_shared<MpiBackend>(
        std::make_shared<MpiGroup>(part, group_->id_of_part(meeting.tag().sequence, color), name,
                                   group_->shared_monitor()),
        max_count_);
  }

  bool reaches(Stream stream) override {
    if (stream.is_host()) return true;
    if (!std::exchange(asked_for_nccl_, true)) nccl_ = open_nccl_group(*this, group_);
    return nccl_ != nullptr;
  }

  std::shared_ptr<CommBackend> on(Stream stream) override {
    if (stream.is_host()) return shared_from_this();
    if (!reaches(stream))
      fail(
          "communication on a device's stream: this MPI takes buffers in host memory alone, and NCCL is not here or "
          "ranks share a GPU");
    return make_nccl_backend(shared_from_this(), nccl_, stream);
  }

  // The comparison of tags ends when all have come.
  void barrier() override { MpiCollective(group_, group_->tag(Operation::barrier)).wait(); }

  void all_reduce(void* values, int64_t count, ReduceType type, ReduceOp op) override {
    const Element element = element_of(type);
    auto* bytes = static_cast<std::byte*>(values);
    Tag tag = group_->tag(Operation::all_reduce);
    tag.unit = unit_of(type);
    tag.reduce_op = op;
    tag.count = count;
    MpiCollective collective(group_, tag);
    collective.post(count * element.size, [&](MpiRequests& requests) {
      for_each_chunk(count, max_count_, [&](int64_t offset, int part) {
        MODR_MPI(MPI_Iallreduce, MPI_IN_PLACE, bytes + offset * element.size, part, element.type, mpi_op_of(op),
                 comm(), requests.add());
      });
    });
    collective.wait();
  }

  void broadcast(std::span<std::byte> bytes, int root) override {
    MpiCollective collective(group_, tag_of_bytes(Operation::broadcast, std::ssize(bytes), root));
    collective.post(std::ssize(bytes), [&](MpiRequests& requests) {
      for_each_chunk(std::ssize(bytes), max_count_, [&](int64_t offset, int part) {
        MODR_MPI(MPI_Ibcast, bytes.data() + offset, part, MPI_BYTE, root, comm(), requests.add());
      });
    });
    collective.wait();
  }

  void all_gather(std::span<const std::byte> mine, std::span<std::byte> all) override {
    MpiCollective collective(group_, tag_of_bytes(Operation::all_gather, std::ssize(mine)));
    collective.post(std::ssize(mine), [&](MpiRequests& requests) {
      for_each_chunk(std::ssize(mine), max_count_, [&](int64_t offset, int part) {
        const MPI_Datatype block = requests.add_type(part, std::ssize(mine));
        MODR_MPI(MPI_Iallgather, mine.data() + offset, part, MPI_BYTE, all.data() + offset, 1, block, comm(),
                 requests.add());
      });
    });
    collective.wait();
  }

  void gather(std::span<const std::byte> mine, std::span<std::byte> all, std::span<const int64_t> sizes,
              int root) override {
    MpiCollective collective(group_, tag_of_bytes(Operation::gather, -1, root));
    const int mpi_tag = MpiGroup::data_tag(collective.tag().sequence);
    if (rank() == root) {
      collective.post_when_agreed([&](MpiRequests& requests) {
        for_each_block(sizes, [&](int source, int64_t offset, int64_t size) {
          if (source == root) std::ranges::copy(mine, all.data() + offset);
          else start_receives(all.data() + offset, size, source, mpi_tag, requests);
        });
      });
    } else {
      collective.post_now([&](MpiRequests& requests) {
        start_sends(mine.data(), std::ssize(mine), root, mpi_tag, requests);
      });
    }
    collective.wait();
  }

  void all_to_all(std::span<const std::byte> send, std::span<std::byte> receive, int64_t block_size) override {
    MpiCollective collective(group_, tag_of_bytes(Operation::all_to_all, block_size));
    collective.post(block_size, [&](MpiRequests& requests) {
      for_each_chunk(block_size, max_count_, [&](int64_t offset, int part) {
        const MPI_Datatype block = requests.add_type(part, block_size);
        MODR_MPI(MPI_Ialltoall, send.data() + offset, 1, block, receive.data() + offset, 1, block, comm(),
                 requests.add());
      });
    });
    collective.wait();
  }

  // Paired messages are what Open MPI's own Ialltoallv consists of, and take any 64-bit count without the ranks having
  // to agree on which way to take.
  Pending start_exchange(const Exchange& exchange) override {
    const std::vector<int64_t> to = bytes_of(exchange.send_counts, exchange.element_size);
    const std::vector<int64_t> from = bytes_of(exchange.receive_counts, exchange.element_size);
    std::vector<int64_t> to_and_from(to);
    to_and_from.insert(to_and_from.end(), from.begin(), from.end());
    auto collective =
        std::make_unique<MpiCollective>(group_, group_->tag(Operation::all_to_all_v), std::move(to_and_from));
    const int mpi_tag = MpiGroup::data_tag(collective->tag().sequence);
    collective->post_now([&](MpiRequests& requests) {
      for_each_block(to, [&](int target, int64_t offset, int64_t size) {
        if (target != rank()) start_sends(exchange.send.data() + offset, size, target, mpi_tag, requests);
      });
    });
    const std::byte* own = exchange.send.data() + std::reduce(to.begin(), to.begin() + rank());
    collective->post_when_agreed([self = shared_from_this(), from, own, mpi_tag,
                                   all = exchange.receive](MpiRequests& requests) {
      self->for_each_block(from, [&](int source, int64_t offset, int64_t size) {
        if (source == self->rank()) std::copy_n(own, size, all.data() + offset);
        else self->start_receives(all.data() + offset, size, source, mpi_tag, requests);
      });
    });
    return Pending(std::move(collective));
  }

  Pending start_send(std::span<const std::byte> bytes, int to, int64_t label) override {
    auto message = start_message(Operation::send, std::ssize(bytes), to, label);
    message->post_now([&](MpiRequests& requests) {
      start_sends(bytes.data(), std::ssize(bytes), to, group_->next_send_tag(to), requests);
    });
    return Pending(std::move(message));
  }

  Pending start_receive(std::span<std::byte> bytes, int from, int64_t label) override {
    auto message = start_message(Operation::receive, std::ssize(bytes), from, label);
    const int mpi_tag = group_->next_receive_tag(from);
    message->post_when_agreed([self = shared_from_this(), bytes, from, mpi_tag](MpiRequests& requests) {
      self->start_receives(bytes.data(), std::ssize(bytes), from, mpi_tag, requests);
    });
    return Pending(std::move(message));
  }

  void announce(const Activity& activity) override { group_->monitor().announce(activity); }
  const Activity& activity() const override { return group_->monitor().activity(); }
  void set_timeout(double seconds) override { group_->monitor().set_timeout(seconds); }
  bool is_lost() const override { return group_->monitor().is_lost(); }

  std::unique_ptr<CounterBackend> make_counter() override { return make_mpi_counter(group_); }

 private:
  MPI_Comm comm() const { return group_->comm(); }

  // `root` in the group; -1: there is none.
  Tag tag_of_bytes(Operation operation, int64_t count, int root = -1) const {
    Tag tag = group_->tag(operation);
    tag.unit = Unit::bytes;
    tag.count = count;
    if (root >= 0) tag.peer = group_->member(root);
    return tag;
  }

  static std::vector<int64_t> bytes_of(std::span<const int64_t> counts, int64_t element_size) {
    std::vector<int64_t> bytes(counts.begin(), counts.end());
    for (int64_t& count : bytes) count *= element_size;
    return bytes;
  }

  std::unique_ptr<MpiMessage> start_message(Operation operation, int64_t size, int peer, int64_t label) {
    Tag tag = tag_of_bytes(operation, size, peer);
    tag.label = label;
    return std::make_unique<MpiMessage>(group_, tag, peer);
  }
  void start_sends(const std::byte* bytes, int64_t size, int to, int tag, MpiRequests& requests) const {
    for_each_chunk(size, max_count_, [&](int64_t offset, int part) {
      MODR_MPI(MPI_Isend, bytes + offset, part, MPI_BYTE, to, tag, comm(), requests.add());
    });
  }

  void start_receives(std::byte* bytes, int64_t size, int from, int tag, MpiRequests& requests) const {
    for_each_chunk(size, max_count_, [&](int64_t offset, int part) {
      MODR_MPI(MPI_Irecv, bytes + offset, part, MPI_BYTE, from, tag, comm(), requests.add());
    });
  }

  // Calls f(rank, offset, size) for the blocks of all ranks, beginning with the next one: not all begin with the same.
  template <typename F>
  void for_each_block(std::span<const int64_t> sizes, F&& f) const {
    std::vector<int64_t> offsets(sizes.size());
    std::exclusive_scan(sizes.begin(), sizes.end(), offsets.begin(), int64_t{0});
    for (int distance = 1; distance <= size(); ++distance) {
      const int other = (rank() + distance) % size();
      f(other, offsets[static_cast<std::size_t>(other)], sizes[static_cast<std::size_t>(other)]);
    }
  }

  std::shared_ptr<MpiGroup> group_;
  int64_t max_count_;
  bool asked_for_nccl_ = false;
  std::shared_ptr<NcclGroup> nccl_;
};

}  // namespace

std::shared_ptr<CommBackend> make_mpi_backend(int64_t max_count) {
  MPI_Comm own = MPI_COMM_NULL;
  MODR_MPI(MPI_Comm_dup, MPI_COMM_WORLD, &own);
  auto monitor = std::make_shared<MpiMonitor>(MPI_COMM_WORLD);
  return std::make_shared<MpiBackend>(std::make_shared<MpiGroup>(own, /*id=*/0, "world", std::move(monitor)),
                                      max_count);
}

}  // namespace modr

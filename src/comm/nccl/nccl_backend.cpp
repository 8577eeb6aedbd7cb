#include "comm/nccl_backend.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>
#include <vector>

#include "comm/mpi_check.hpp"
#include "comm/mpi_monitor.hpp"
#include "comm/nccl/nccl_check.hpp"
#include "comm/nccl/nccl_group.hpp"

namespace modr {

namespace {

struct Element {
  ncclDataType_t type;
  Unit unit;
};

Element element_of(ReduceType type) {
  switch (type) {
    case ReduceType::f32:
      return {ncclFloat32, Unit::f32};
    case ReduceType::f64:
      return {ncclFloat64, Unit::f64};
    case ReduceType::i64:
      return {ncclInt64, Unit::i64};
  }
  fail("unknown reduce type {}", static_cast<int>(type));
}

ncclRedOp_t nccl_op_of(ReduceOp op) {
  switch (op) {
    case ReduceOp::sum:
      return ncclSum;
    case ReduceOp::max:
      return ncclMax;
    case ReduceOp::min:
      return ncclMin;
  }
  fail("unknown reduce operation {}", static_cast<int>(op));
}

// A block of bytes and the rank whom it goes to or comes from.
struct Block {
  int rank;
  int64_t offset, size;
};

// Those of all ranks that are not empty, beginning with the next rank's.
std::vector<Block> blocks_of(std::span<const int64_t> counts, int64_t element_size, int rank) {
  std::vector<Block> blocks;
  int64_t offset = 0;
  for (int of = 0; of < static_cast<int>(counts.size()); ++of) {
    const int64_t size = counts[static_cast<std::size_t>(of)] * element_size;
    if (size > 0) blocks.push_back({of, offset, size});
    offset += size;
  }
  std::ranges::rotate(blocks, std::ranges::find_if(blocks, [&](const Block& block) { return block.rank > rank; }));
  return blocks;
}

class WorkOfStream final : public PendingWork {
 public:
  explicit WorkOfStream(std::shared_ptr<NcclGroup> nccl, std::shared_ptr<NcclGroup::Started> started)
      : nccl_(std::move(nccl)), started_(std::move(started)) {}
  bool done() override { return started_->done(); }
  void wait() override { started_->wait(); }

 private:
  std::shared_ptr<NcclGroup> nccl_;
  std::shared_ptr<NcclGroup::Started> started_;
};

/// What ends in a device's memory goes by NCCL, the rest is the MPI backend's.
class NcclBackend final : public CommBackend {
 public:
  NcclBackend(std::shared_ptr<CommBackend> host, std::shared_ptr<NcclGroup> nccl, cudaStream_t stream)
      : host_(std::move(host)), nccl_(std::move(nccl)), stream_(stream) {}

  int rank() const override { return host_->rank(); }
  int size() const override { return host_->size(); }
  std::shared_ptr<CommBackend> split(int color, int key, const std::string& name) override {
    return host_->split(color, key, name);
  }
  bool reaches(Stream) override { return true; }
  std::shared_ptr<CommBackend> on(Stream stream) override { return host_->on(stream); }
  void settle() override { nccl_->settle(); }
  void barrier() override { host_->barrier(); }

  void all_reduce(void* values, int64_t count, ReduceType type, ReduceOp op) override {
    const Element element = element_of(type);
    Tag tag = group().tag(Operation::all_reduce);
    tag.unit = element.unit;
    tag.reduce_op = op;
    tag.count = count;
    collective(tag, [&](ncclComm_t comm) {
      check_nccl(
          ncclAllReduce(values, values, static_cast<std::size_t>(count), element.type, nccl_op_of(op), comm, stream_),
          comm, "ncclAllReduce");
    });
  }

  void broadcast(std::span<std::byte> bytes, int root) override {
    collective(tag_of_bytes(Operation::broadcast, std::ssize(bytes), root), [&](ncclComm_t comm) {
      check_nccl(ncclBroadcast(bytes.data(), bytes.data(), bytes.size(), ncclInt8, root, comm, stream_), comm,
                 "ncclBroadcast");
    });
  }

  void all_gather(std::span<const std::byte> mine, std::span<std::byte> all) override {
    collective(tag_of_bytes(Operation::all_gather, std::ssize(mine)), [&](ncclComm_t comm) {
      check_nccl(ncclAllGather(mine.data(), all.data(), mine.size(), ncclInt8, comm, stream_), comm, "ncclAllGather");
    });
  }

  void gather(std::span<const std::byte> mine, std::span<std::byte> all, std::span<const int64_t> sizes,
              int root) override {
    host_->gather(mine, all, sizes, root);
  }

  void all_to_all(std::span<const std::byte> send, std::span<std::byte> receive, int64_t block_size) override {
    const std::vector<int64_t> ones(static_cast<std::size_t>(size()), 1);
    start(std::make_unique<MpiCollective>(shared_group(), tag_of_bytes(Operation::all_to_all, block_size)),
          {send, ones, receive, ones, block_size});
  }

  Pending start_exchange(const Exchange& exchange) override { return pending(started(exchange)); }
  void exchange(const Exchange& exchange) override { started(exchange); }

  Pending start_send(std::span<const std::byte> bytes, int to, int64_t label) override {
    return pending(message(Operation::send, std::ssize(bytes), to, label, [&](ncclComm_t comm) {
      check_nccl(ncclSend(bytes.data(), bytes.size(), ncclInt8, to, comm, stream_), comm, "ncclSend");
    }));
  }

  Pending start_receive(std::span<std::byte> bytes, int from, int64_t label) override {
    return pending(message(Operation::receive, std::ssize(bytes), from, label, [&](ncclComm_t comm) {
      check_nccl(ncclRecv(bytes.data(), bytes.size(), ncclInt8, from, comm, stream_), comm, "ncclRecv");
    }));
  }

  void announce(const Activity& activity) override { host_->announce(activity); }
  const Activity& activity() const override { return host_->activity(); }
  void set_timeout(double seconds) override { host_->set_timeout(seconds); }
  bool is_lost() const override { return host_->is_lost(); }
  std::unique_ptr<CounterBackend> make_counter() override { return host_->make_counter(); }

 private:
  using Started = std::shared_ptr<NcclGroup::Started>;

  MpiGroup& group() const { return nccl_->group(); }
  const std::shared_ptr<MpiGroup>& shared_group() const { return nccl_->shared_group(); }
  Pending pending(Started started) const { return Pending(std::make_unique<WorkOfStream>(nccl_, std::move(started))); }

  Tag tag_of_bytes(Operation operation, int64_t count, int root = -1) const {
    Tag tag = group().tag(operation);
    tag.unit = Unit::bytes;
    tag.count = count;
    if (root >= 0) tag.peer = group().member(root);
    return tag;
  }

  // Of `tag.count` elements, where 0 leave nothing for NCCL to do.
  void collective(const Tag& tag, const NcclGroup::Calls& calls) {
    auto agreement = std::make_unique<MpiCollective>(shared_group(), tag);
    nccl_->launch(
        std::move(agreement), group().members(), stream_, tag.count > 0 ? calls : [](ncclComm_t) {});
  }

  Started message(Operation operation, int64_t count, int peer, int64_t label, const NcclGroup::Calls& calls) {
    Tag tag = tag_of_bytes(operation, count, peer);
    tag.label = label;
    auto agreement = std::make_unique<MpiMessage>(shared_group(), tag, peer);
    return nccl_->launch(
        std::move(agreement), {group().member(peer)}, stream_, count > 0 ? calls : [](ncclComm_t) {});
  }

  Started started(const Exchange& exchange) {
    std::vector<int64_t> to_and_from(exchange.send_counts.begin(), exchange.send_counts.end());
    to_and_from.insert(to_and_from.end(), exchange.receive_counts.begin(), exchange.receive_counts.end());
    for (int64_t& count : to_and_from) count *= exchange.element_size;
    return start(
        std::make_unique<MpiCollective>(shared_group(), group().tag(Operation::all_to_all_v), std::move(to_and_from)),
        exchange);
  }

  // This rank's own block needs no NCCL.
  Started start(std::unique_ptr<MpiCollective> agreement, const Exchange& exchange) {
    return nccl_->launch(std::move(agreement), group().members(), stream_, [&](ncclComm_t comm) {
      const std::byte* own = nullptr;
      for (const Block& block : blocks_of(exchange.send_counts, exchange.element_size, rank())) {
        const std::byte* at = exchange.send.data() + block.offset;
        if (block.rank == rank())
          own = at;
        else
          check_nccl(ncclSend(at, static_cast<std::size_t>(block.size), ncclInt8, block.rank, comm, stream_), comm,
                     "ncclSend");
      }
      for (const Block& block : blocks_of(exchange.receive_counts, exchange.element_size, rank())) {
        std::byte* at = exchange.receive.data() + block.offset;
        const auto size = static_cast<std::size_t>(block.size);
        if (block.rank == rank())
          check_device(cudaMemcpyAsync(at, own, size, cudaMemcpyDeviceToDevice, stream_), "copy");
        else
          check_nccl(ncclRecv(at, size, ncclInt8, block.rank, comm, stream_), comm, "ncclRecv");
      }
    });
  }

  std::shared_ptr<CommBackend> host_;
  std::shared_ptr<NcclGroup> nccl_;
  cudaStream_t stream_;
};

// A rank's GPU, as NCCL tells whether two are one.
struct Gpu {
  bool has_nccl;
  std::array<char, MPI_MAX_PROCESSOR_NAME> host;
  std::array<char, 32> bus_id;
  friend bool operator==(const Gpu&, const Gpu&) = default;
};

Gpu own_gpu() {
  Gpu gpu{};
  gpu.has_nccl = nccl_is_here();
  int length = 0, device = 0;
  MODR_MPI(MPI_Get_processor_name, gpu.host.data(), &length);
  check_device(cudaGetDevice(&device), "the thread's device");
  check_device(cudaDeviceGetPCIBusId(gpu.bus_id.data(), static_cast<int>(gpu.bus_id.size()), device), "its bus id");
  return gpu;
}

bool can_reach_each_other(const std::vector<Gpu>& gpus) {
  for (auto one = gpus.begin(); one != gpus.end(); ++one)
    if (!one->has_nccl || std::find(one + 1, gpus.end(), *one) != gpus.end()) return false;
  return true;
}

}  // namespace

std::shared_ptr<NcclGroup> open_nccl_group(CommBackend& host, const std::shared_ptr<MpiGroup>& group) {
  MpiCollective(group, group->tag(Operation::open_nccl)).wait();
  const Gpu own = own_gpu();
  std::vector<Gpu> gpus(static_cast<std::size_t>(host.size()));
  host.all_gather(std::as_bytes(std::span(&own, 1)), std::as_writable_bytes(std::span(gpus)));
  if (!can_reach_each_other(gpus)) return nullptr;
  ncclUniqueId id{};
  if (host.rank() == 0) check_nccl(ncclGetUniqueId(&id), nullptr, "ncclGetUniqueId");
  host.broadcast(std::as_writable_bytes(std::span(&id, 1)), 0);
  return std::make_shared<NcclGroup>(group, id);
}

std::shared_ptr<CommBackend> make_nccl_backend(std::shared_ptr<CommBackend> host, std::shared_ptr<NcclGroup> nccl,
                                               Stream stream) {
  return std::make_shared<NcclBackend>(std::move(host), std::move(nccl),
                                       static_cast<cudaStream_t>(stream.device_queue));
}

}  // namespace modr

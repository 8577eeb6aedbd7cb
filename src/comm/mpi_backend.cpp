#include "comm/mpi_backend.hpp"

#include <algorithm>
#include <thread>
#include <utility>

#include "comm/mpi_check.hpp"
#include "comm/mpi_counter.hpp"
#include "comm/mpi_requests.hpp"

namespace modr {

namespace {

constexpr int gather_tag = 1, exchange_tag = 2, message_tag = 3;

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

int64_t size_of(std::span<const std::byte> bytes) { return static_cast<int64_t>(bytes.size()); }

// `count` bytes, the next such element beginning `stride` bytes after this one.
class StridedType {
 public:
  StridedType(int count, int64_t stride) {
    MPI_Datatype plain = MPI_DATATYPE_NULL;
    MODR_MPI(MPI_Type_contiguous, count, MPI_BYTE, &plain);
    MODR_MPI(MPI_Type_create_resized, plain, 0, static_cast<MPI_Aint>(stride), &type_);
    MODR_MPI(MPI_Type_free, &plain);
    MODR_MPI(MPI_Type_commit, &type_);
  }
  StridedType(const StridedType&) = delete;
  StridedType& operator=(const StridedType&) = delete;
  ~StridedType() { MPI_Type_free(&type_); }
  MPI_Datatype get() const { return type_; }

 private:
  MPI_Datatype type_ = MPI_DATATYPE_NULL;
};

class MpiPending final : public PendingWork {
 public:
  explicit MpiPending(MpiRequests requests) : requests_(std::move(requests)) {}
  bool done() override { return requests_.done(); }
  void wait() override {
    while (!requests_.done()) std::this_thread::yield();
  }

 private:
  MpiRequests requests_;
};

class MpiBackend final : public CommBackend, public std::enable_shared_from_this<MpiBackend> {
 public:
  // Keeps `comm` until the end of the job: there are few, and freeing one is collective.
  MpiBackend(MPI_Comm comm, int64_t max_count) : comm_(comm), max_count_(max_count) {
    MODR_MPI(MPI_Comm_set_errhandler, comm_, MPI_ERRORS_RETURN);
    MODR_MPI(MPI_Comm_rank, comm_, &rank_);
    MODR_MPI(MPI_Comm_size, comm_, &size_);
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  std::shared_ptr<CommBackend> split(int color, int key, const std::string&) override {
    MPI_Comm part = MPI_COMM_NULL;
    MODR_MPI(MPI_Comm_split, comm_, color, key, &part);
    auto backend = std::make_shared<MpiBackend>(part, max_count_);
    backend->shared_ = shared_;
    return backend;
  }

  std::shared_ptr<CommBackend> on(Stream stream) override {
    if (!stream.is_host()) fail("communication on a device's stream: this MPI takes buffers in host memory alone");
    return shared_from_this();
  }

  void barrier() override { MODR_MPI(MPI_Barrier, comm_); }

  void all_reduce(void* values, int64_t count, ReduceType type, ReduceOp op) override {
    const Element element = element_of(type);
    auto* bytes = static_cast<std::byte*>(values);
    for_each_chunk(count, max_count_, [&](int64_t offset, int part) {
      MODR_MPI(MPI_Allreduce, MPI_IN_PLACE, bytes + offset * element.size, part, element.type, mpi_op_of(op), comm_);
    });
  }

  void broadcast(std::span<std::byte> bytes, int root) override {
    for_each_chunk(size_of(bytes), max_count_, [&](int64_t offset, int part) {
      MODR_MPI(MPI_Bcast, bytes.data() + offset, part, MPI_BYTE, root, comm_);
    });
  }

  void all_gather(std::span<const std::byte> mine, std::span<std::byte> all) override {
    for_each_chunk(size_of(mine), max_count_, [&](int64_t offset, int part) {
      const StridedType block(part, size_of(mine));
      MODR_MPI(MPI_Allgather, mine.data() + offset, part, MPI_BYTE, all.data() + offset, 1, block.get(), comm_);
    });
  }

  void gather(std::span<const std::byte> mine, std::span<std::byte> all, std::span<const int64_t> sizes,
              int root) override {
    if (rank_ != root) {
      for_each_chunk(size_of(mine), max_count_, [&](int64_t offset, int part) {
        MODR_MPI(MPI_Send, mine.data() + offset, part, MPI_BYTE, root, gather_tag, comm_);
      });
      return;
    }
    std::byte* block = all.data();
    for (int source = 0; source < size_; ++source) {
      const int64_t size = sizes[static_cast<std::size_t>(source)];
      if (source == rank_) std::ranges::copy(mine, block);
      else receive(block, size, source);
      block += size;
    }
  }

  void all_to_all(std::span<const std::byte> send, std::span<std::byte> receive, int64_t block_size) override {
    for_each_chunk(block_size, max_count_, [&](int64_t offset, int part) {
      const StridedType block(part, block_size);
      MODR_MPI(MPI_Alltoall, send.data() + offset, 1, block.get(), receive.data() + offset, 1, block.get(), comm_);
    });
  }

  // Paired messages are what Open MPI's own Ialltoallv consists of, and take any 64-bit count.
  Pending start_exchange(const Exchange& exchange) override {
    MpiRequests requests;
    std::byte* to = exchange.receive.data();
    for (int source = 0; source < size_; ++source) {
      const int64_t bytes = exchange.receive_counts[static_cast<std::size_t>(source)] * exchange.element_size;
      start_receives(to, bytes, source, exchange_tag, requests);
      to += bytes;
    }
    const std::byte* from = exchange.send.data();
    for (int target = 0; target < size_; ++target) {
      const int64_t bytes = exchange.send_counts[static_cast<std::size_t>(target)] * exchange.element_size;
      start_sends(from, bytes, target, exchange_tag, requests);
      from += bytes;
    }
    return Pending(std::make_unique<MpiPending>(std::move(requests)));
  }

  Pending start_send(std::span<const std::byte> bytes, int to, int64_t) override {
    MpiRequests requests;
    start_sends(bytes.data(), size_of(bytes), to, message_tag, requests);
    return Pending(std::make_unique<MpiPending>(std::move(requests)));
  }

  Pending start_receive(std::span<std::byte> bytes, int from, int64_t) override {
    MpiRequests requests;
    start_receives(bytes.data(), size_of(bytes), from, message_tag, requests);
    return Pending(std::make_unique<MpiPending>(std::move(requests)));
  }

  void announce(const Activity& activity) override { shared_->activity = activity; }
  const Activity& activity() const override { return shared_->activity; }
  void set_timeout(double seconds) override { shared_->timeout = seconds; }

  std::unique_ptr<CounterBackend> make_counter() override { return make_mpi_counter(comm_); }

 private:
  struct Shared {
    Activity activity;
    double timeout = 600;
  };

  void start_sends(const std::byte* bytes, int64_t size, int to, int tag, MpiRequests& requests) {
    for_each_chunk(size, max_count_, [&](int64_t offset, int part) {
      MODR_MPI(MPI_Isend, bytes + offset, part, MPI_BYTE, to, tag, comm_, requests.add());
    });
  }

  void start_receives(std::byte* bytes, int64_t size, int from, int tag, MpiRequests& requests) {
    for_each_chunk(size, max_count_, [&](int64_t offset, int part) {
      MODR_MPI(MPI_Irecv, bytes + offset, part, MPI_BYTE, from, tag, comm_, requests.add());
    });
  }

  void receive(std::byte* block, int64_t size, int source) {
    for_each_chunk(size, max_count_, [&](int64_t offset, int part) {
      MODR_MPI(MPI_Recv, block + offset, part, MPI_BYTE, source, gather_tag, comm_, MPI_STATUS_IGNORE);
    });
  }

  MPI_Comm comm_;
  int64_t max_count_;
  int rank_ = 0;
  int size_ = 0;
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace

std::shared_ptr<CommBackend> make_mpi_backend(int64_t max_count) {
  MPI_Comm own = MPI_COMM_NULL;
  MODR_MPI(MPI_Comm_dup, MPI_COMM_WORLD, &own);
  return std::make_shared<MpiBackend>(own, max_count);
}

}  // namespace modr

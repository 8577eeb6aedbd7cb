#include "comm/communicator.hpp"

#include <numeric>
#include <utility>

#include "base/error.hpp"
#include "comm/rehearsal_backend.hpp"
#include "comm/self_backend.hpp"

namespace modr {

namespace {

constexpr std::size_t max_name_size = 23;

int64_t count_of(const auto& range) { return static_cast<int64_t>(range.size()); }

// One count a rank, none negative, and as many elements in all as the buffer has.
void check_counts(const char* side, std::span<const int64_t> counts, std::size_t bytes, int64_t element_size,
                  int size) {
  MODR_CHECK(count_of(counts) == size, "all_to_all_v: {} {} counts for {} ranks", counts.size(), side, size);
  int64_t total = 0;
  for (const int64_t count : counts) {
    MODR_CHECK(count >= 0, "all_to_all_v: {} count {}", side, count);
    total += count;
  }
  MODR_CHECK(total * element_size == static_cast<int64_t>(bytes),
             "all_to_all_v: the {} counts are {} elements of {} bytes, the buffer has {} bytes", side, total,
             element_size, bytes);
}

}  // namespace

Communicator::Communicator(std::shared_ptr<CommBackend> backend)
    : backend_(std::move(backend)), rank_(backend_->rank()), size_(backend_->size()) {}

Communicator Communicator::self() { return Communicator(make_self_backend()); }

Communicator Communicator::rehearsal(int64_t rank, int64_t size) {
  return Communicator(std::make_shared<RehearsalBackend>(static_cast<int>(rank), static_cast<int>(size)));
}

Communicator Communicator::split(int color, int key, const std::string& name) const {
  MODR_CHECK(color >= 0, "split: color {} on rank {} of {}", color, rank_, size_);
  MODR_CHECK(name.size() <= max_name_size, "split: the name '{}' has more than {} characters", name, max_name_size);
  return Communicator(backend_->split(color, key, name));
}

Communicator Communicator::split_by(const std::function<int(int)>& color_of, const std::string& name) const {
  MODR_CHECK(color_of(rank_) >= 0, "split: color {} on rank {} of {}", color_of(rank_), rank_, size_);
  MODR_CHECK(name.size() <= max_name_size, "split: the name '{}' has more than {} characters", name, max_name_size);
  return Communicator(backend_->split_by(color_of, name));
}

void Communicator::barrier() const { backend_->barrier(); }

void Communicator::all_reduce(std::span<float> values, ReduceOp op) const {
  backend_->all_reduce(values.data(), count_of(values), ReduceType::f32, op);
}

void Communicator::all_reduce(std::span<double> values, ReduceOp op) const {
  backend_->all_reduce(values.data(), count_of(values), ReduceType::f64, op);
}

void Communicator::all_reduce(std::span<int64_t> values, ReduceOp op) const {
  backend_->all_reduce(values.data(), count_of(values), ReduceType::i64, op);
}

void Communicator::check_rank(const char* operation, const char* role, int rank) const {
  MODR_CHECK(rank >= 0 && rank < size_, "{}: {} {} of {} ranks", operation, role, rank, size_);
}

void Communicator::broadcast_bytes(std::span<std::byte> bytes, int root) const {
  check_rank("broadcast", "root", root);
  backend_->broadcast(bytes, root);
}

void Communicator::broadcast(std::string& text, int root) const {
  int64_t size = count_of(text);
  broadcast(std::span(&size, 1), root);
  text.resize(static_cast<std::size_t>(size));
  broadcast(std::span(text), root);
}

void Communicator::broadcast(std::vector<std::byte>& bytes, int root) const {
  int64_t size = count_of(bytes);
  broadcast(std::span(&size, 1), root);
  bytes.resize(static_cast<std::size_t>(size));
  broadcast(std::span(bytes), root);
}

void Communicator::all_gather_bytes(std::span<const std::byte> mine, std::span<std::byte> all) const {
  MODR_CHECK(count_of(all) == size_ * count_of(mine), "all_gather: {} bytes from each of {} ranks into {} bytes",
             mine.size(), size_, all.size());
  backend_->all_gather(mine, all);
}

std::vector<std::string> Communicator::gather(const std::string& mine, int root) const {
  check_rank("gather", "root", root);
  const std::vector<int64_t> sizes = all_gather(count_of(mine));
  std::string all;
  if (rank_ == root) all.resize(static_cast<std::size_t>(std::reduce(sizes.begin(), sizes.end())));
  backend_->gather(std::as_bytes(std::span(mine)), std::as_writable_bytes(std::span(all)), sizes, root);
  std::vector<std::string> parts;
  if (rank_ != root) return parts;
  std::size_t offset = 0;
  for (const int64_t size : sizes) {
    parts.push_back(all.substr(offset, static_cast<std::size_t>(size)));
    offset += static_cast<std::size_t>(size);
  }
  return parts;
}

void Communicator::all_to_all_bytes(std::span<const std::byte> send, std::span<std::byte> receive,
                                    int64_t element_size) const {
  MODR_CHECK(count_of(send) % (size_ * element_size) == 0, "all_to_all: {} elements for {} ranks",
             count_of(send) / element_size, size_);
  backend_->all_to_all(send, receive, count_of(send) / size_);
}

void Communicator::check_exchange(const Exchange& exchange) const {
  check_counts("send", exchange.send_counts, exchange.send.size(), exchange.element_size, size_);
  check_counts("receive", exchange.receive_counts, exchange.receive.size(), exchange.element_size, size_);
}

Pending Communicator::start_exchange(const Exchange& exchange) const {
  check_exchange(exchange);
  return backend_->start_exchange(exchange);
}

void Communicator::exchange(const Exchange& exchange) const {
  check_exchange(exchange);
  backend_->exchange(exchange);
}

Pending Communicator::start_send(std::span<const std::byte> bytes, int to, int64_t label) const {
  check_rank("start_send", "receiver", to);
  return backend_->start_send(bytes, to, label);
}

Pending Communicator::start_receive(std::span<std::byte> bytes, int from, int64_t label) const {
  check_rank("start_receive", "sender", from);
  return backend_->start_receive(bytes, from, label);
}

void Communicator::set_timeout(double seconds) const {
  MODR_CHECK(seconds > 0, "a time-out of {} s", seconds);
  backend_->set_timeout(seconds);
}

}  // namespace modr

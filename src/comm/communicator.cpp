#include "comm/communicator.hpp"

#include <numeric>
#include <utility>

#include "base/error.hpp"
#include "comm/self_backend.hpp"

namespace modr {

namespace {

int64_t count_of(const auto& range) { return static_cast<int64_t>(range.size()); }

}  // namespace

Communicator::Communicator(std::shared_ptr<CommBackend> backend)
    : backend_(std::move(backend)), rank_(backend_->rank()), size_(backend_->size()) {}

Communicator Communicator::self() { return Communicator(make_self_backend()); }

Communicator Communicator::split(int color, int key) const {
  MODR_CHECK(color >= 0, "split: color {} on rank {} of {}", color, rank_, size_);
  return Communicator(backend_->split(color, key));
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

void Communicator::check_root(const char* operation, int root) const {
  MODR_CHECK(root >= 0 && root < size_, "{}: root {} of {} ranks", operation, root, size_);
}

void Communicator::broadcast_bytes(std::span<std::byte> bytes, int root) const {
  check_root("broadcast", root);
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
  check_root("gather", root);
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

}  // namespace modr

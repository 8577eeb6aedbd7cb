#pragma once
#include <memory>
#include <vector>

#include "comm/backend.hpp"

namespace modr {

/// The group of this process alone: needs no MPI. What one rank reduces, broadcasts, gathers or exchanges is what it
/// has. Tests derive from it to count calls, RehearsalBackend to be one of several that are not there.
class SelfBackend : public CommBackend {
 public:
  SelfBackend();
  ~SelfBackend() override;

  int rank() const override { return 0; }
  int size() const override { return 1; }
  std::shared_ptr<CommBackend> split(int color, int key, const std::string& name) override;
  std::shared_ptr<CommBackend> on(Stream stream) override;
  void barrier() override {}
  void all_reduce(void*, int64_t, ReduceType, ReduceOp) override {}
  void broadcast(std::span<std::byte>, int) override {}
  void all_gather(std::span<const std::byte> mine, std::span<std::byte> all) override;
  void gather(std::span<const std::byte> mine, std::span<std::byte> all, std::span<const int64_t> sizes,
              int root) override;
  void all_to_all(std::span<const std::byte> send, std::span<std::byte> receive, int64_t block_size) override;
  Pending start_exchange(const Exchange& exchange) override;
  Pending start_send(std::span<const std::byte> bytes, int to, int64_t label) override;
  Pending start_receive(std::span<std::byte> bytes, int from, int64_t label) override;
  void announce(const Activity& activity) override { *activity_ = activity; }
  const Activity& activity() const override { return *activity_; }
  void set_timeout(double) override {}
  bool is_lost() const override { return false; }
  std::unique_ptr<CounterBackend> make_counter() override;

 private:
  struct Mailbox;

  std::shared_ptr<Activity> activity_;
  std::shared_ptr<Mailbox> mailbox_;
};

std::shared_ptr<CommBackend> make_self_backend();

}  // namespace modr

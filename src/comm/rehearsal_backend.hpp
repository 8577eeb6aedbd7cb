#pragma once
#include <functional>
#include <memory>

#include "comm/self_backend.hpp"

namespace modr {

/// Rank `rank` of a group of `size` that is not there, for a step that is gone through without values: what this rank
/// tells the others is what they tell it, and what they would send into its memory is not written.
class RehearsalBackend final : public SelfBackend {
 public:
  RehearsalBackend(int rank, int size);

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  /// Throws Error: who else has the colour is not known. See split_by().
  std::shared_ptr<CommBackend> split(int color, int key, const std::string& name) override;
  std::shared_ptr<CommBackend> split_by(const std::function<int(int)>& color_of, const std::string& name) override;
  std::shared_ptr<CommBackend> on(Stream stream) override;
  void all_gather(std::span<const std::byte> mine, std::span<std::byte> all) override;
  void gather(std::span<const std::byte> mine, std::span<std::byte> all, std::span<const int64_t> sizes,
              int root) override;
  void all_to_all(std::span<const std::byte> send, std::span<std::byte> receive, int64_t block_size) override;
  Pending start_exchange(const Exchange&) override { return {}; }
  Pending start_send(std::span<const std::byte>, int, int64_t) override { return {}; }
  Pending start_receive(std::span<std::byte>, int, int64_t) override { return {}; }
  /// Throws Error: nobody else draws.
  std::unique_ptr<CounterBackend> make_counter() override;

 private:
  int rank_, size_;
};

}  // namespace modr

#pragma once
// For this room's MPI files only.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "comm/mpi_group.hpp"
#include "comm/mpi_requests.hpp"
#include "comm/pending.hpp"

namespace modr {

/// A communication under way: ranks agree on what they call, and data moves.
///
/// No rank receives more than a few bytes before all agree. Open MPI would read a message that is longer than the
/// buffer right over its end (from another process's memory, in ob1's RGET protocol), and whoever throws because ranks
/// disagree frees memory that others might still be filling. What is sent may be posted at once: it is on its way while
/// the ranks agree.
class MpiOperation : public PendingWork, private Advancing {
 public:
  /// Makes MPI's calls, with requests from where it is told.
  using Post = std::function<void(MpiRequests&)>;

  MpiOperation(std::shared_ptr<MpiGroup> group, const Tag& tag);
  /// Keeps what MPI may still use, and ends communication, if it is not done.
  ~MpiOperation() override;

  void post_now(const Post& post) { post(parts_->data); }
  void post_when_agreed(Post post);
  /// Data that this rank sends and receives in one call: `bytes` of it.
  void post(int64_t bytes, Post post);

  const Tag& tag() const { return tag_; }
  /// Throws Error when MPI reports a failure of the data.
  bool done() override;
  void wait() override;

 protected:
  /// Whether the ranks agree; never blocks while they do. Throws CommError when they do not.
  virtual bool agreed() = 0;
  /// The ranks of the world that are waited for.
  virtual std::span<const int32_t> partners() const = 0;

  // What MPI reads and writes, beside the caller's memory.
  struct Parts {
    Tag senders_tag;  // of a message: arrives before its data
    MpiRequests header, data;
  };

  MpiGroup& group() const { return *group_; }
  Parts& parts() { return *parts_; }
  Tag tag_;

 private:
  bool advance() override;
  bool is_finished();

  std::shared_ptr<MpiGroup> group_;
  std::shared_ptr<Parts> parts_ = std::make_shared<Parts>();
  Post post_;  // not called yet
  bool is_agreed_ = false, is_finished_ = false;
};

/// A collective: all ranks compare tags.
class MpiCollective final : public MpiOperation {
 public:
  /// Tells the other ranks of `tag`; `bytes` as MpiGroup::call() has it.
  MpiCollective(std::shared_ptr<MpiGroup> group, const Tag& tag, std::vector<int64_t> bytes = {});

 private:
  bool agreed() override { return group().agreed(tag_.sequence); }
  std::span<const int32_t> partners() const override { return group().members(); }
};

/// A message to or from one rank: the receiver compares the tag that comes before the data with its own.
class MpiMessage final : public MpiOperation {
 public:
  /// `tag` is of a send or a receive, `peer` its other rank, in the group.
  MpiMessage(std::shared_ptr<MpiGroup> group, const Tag& tag, int peer);

 private:
  bool agreed() override;
  std::span<const int32_t> partners() const override { return {&tag_.peer, 1}; }
};

}  // namespace modr

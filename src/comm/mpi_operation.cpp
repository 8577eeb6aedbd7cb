#include "comm/mpi_operation.hpp"

#include <fmt/format.h>

#include <utility>

#include "comm/mpi_check.hpp"

namespace modr {

namespace {

constexpr int header_tag = 1;
constexpr int64_t small_bytes = 1024;  // what every transport of MPI copies, rather than reads from another's memory

}  // namespace

MpiOperation::MpiOperation(std::shared_ptr<MpiGroup> group, const Tag& tag) : tag_(tag), group_(std::move(group)) {}

MpiOperation::~MpiOperation() {
  if (is_finished_) return;
  group_->monitor().remove(*this);
  group_->monitor().keep(parts_);
  group_->monitor().abandon(tag_);
}

void MpiOperation::post_when_agreed(Post post) {
  post_ = std::move(post);
  group_->monitor().add(*this);
}

void MpiOperation::post(int64_t bytes, Post post) {
  if (bytes <= small_bytes) post_now(post);
  else post_when_agreed(std::move(post));
}

bool MpiOperation::done() {
  group_->monitor().advance_all();
  return is_finished();
}

void MpiOperation::wait() {
  group_->monitor().remove(*this);  // it advances by itself now: each look at MPI costs a round of all who wait
  group_->monitor().wait(tag_, partners(), [this] { return is_finished(); });
}

bool MpiOperation::advance() {
  if (!is_agreed_ && !agreed()) return false;
  is_agreed_ = true;
  if (post_) std::exchange(post_, nullptr)(parts_->data);
  return true;
}

// What MPI says of small data (too much of it, say) counts only when the ranks agree.
bool MpiOperation::is_finished() {
  if (is_finished_) return true;
  if (!advance() || !parts_->header.done() || !parts_->data.done()) return false;
  is_finished_ = true;
  group_->monitor().remove(*this);
  parts_->data.check(tag_);
  return true;
}

MpiCollective::MpiCollective(std::shared_ptr<MpiGroup> group, const Tag& tag, std::vector<int64_t> bytes)
    : MpiOperation(std::move(group), tag) {
  this->group().call(tag_, std::move(bytes));
}

MpiMessage::MpiMessage(std::shared_ptr<MpiGroup> group, const Tag& tag, int peer)
    : MpiOperation(std::move(group), tag) {
  this->group().monitor().start(tag_);
  parts().senders_tag = tag_;
  void* header = &parts().senders_tag;
  const MPI_Comm comm = this->group().comm();
  if (tag_.operation == Operation::send) {
    MODR_MPI(MPI_Isend, header, sizeof(Tag), MPI_BYTE, peer, header_tag, comm, parts().header.add());
  } else {
    MODR_MPI(MPI_Irecv, header, sizeof(Tag), MPI_BYTE, peer, header_tag, comm, parts().header.add());
  }
}

bool MpiMessage::agreed() {
  if (tag_.operation == Operation::send) return true;  // the receiver sees to it
  if (!parts().header.done()) return false;
  parts().header.check(tag_);
  const Tag& sent = parts().senders_tag;
  if (sent.count == tag_.count && sent.label == tag_.label) return true;
  const int me = group().member(group().rank());
  group().monitor().lose(fmt::format("ranks disagree in a message of group '{}': rank {} calls {}, rank {} calls {}",
                                     tag_.group_name, tag_.peer, describe(sent), me, describe(tag_)),
                         me);
}

}  // namespace modr

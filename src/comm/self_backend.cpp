#include "comm/self_backend.hpp"

#include <algorithm>
#include <deque>
#include <utility>

#include "base/error.hpp"

namespace modr {

namespace {

class SelfCounter final : public CounterBackend {
 public:
  int64_t next(int64_t taken) override { return std::exchange(next_, next_ + taken); }
  void close() override {}

 private:
  int64_t next_ = 0;
};

struct Message {
  std::vector<std::byte> bytes;
  int64_t label;
};

}  // namespace

// Messages to oneself, in the order in which they were sent. Sending is done at once, receiving when one waits.
struct SelfBackend::Mailbox {
  std::deque<Message> messages;
  int64_t num_sent = 0, num_expected = 0;

  class Receive final : public PendingWork {
   public:
    Receive(std::shared_ptr<Mailbox> mailbox, std::span<std::byte> bytes, int64_t label)
        : mailbox_(std::move(mailbox)), bytes_(bytes), label_(label), index_(mailbox_->num_expected++) {}

    bool done() override {
      if (mailbox_->num_sent <= index_) return false;
      wait();
      return true;
    }

    void wait() override {
      const int64_t num_taken = mailbox_->num_sent - static_cast<int64_t>(mailbox_->messages.size());
      MODR_CHECK(index_ == num_taken && index_ < mailbox_->num_sent,
                 "message {} is waited for, and {} were sent and {} received", index_, mailbox_->num_sent, num_taken);
      const Message& message = mailbox_->messages.front();
      MODR_CHECK(message.label == label_ && message.bytes.size() == bytes_.size(),
                 "{} bytes with label {} were sent, {} bytes with label {} are expected", message.bytes.size(),
                 message.label, bytes_.size(), label_);
      std::ranges::copy(message.bytes, bytes_.begin());
      mailbox_->messages.pop_front();
    }

   private:
    std::shared_ptr<Mailbox> mailbox_;
    std::span<std::byte> bytes_;
    int64_t label_, index_;
  };
};

SelfBackend::SelfBackend() : activity_(std::make_shared<Activity>()), mailbox_(std::make_shared<Mailbox>()) {}
SelfBackend::~SelfBackend() = default;

std::shared_ptr<CommBackend> SelfBackend::split(int, int, const std::string&) {
  auto part = std::make_shared<SelfBackend>();
  part->activity_ = activity_;
  return part;
}

std::shared_ptr<CommBackend> SelfBackend::on(Stream stream) {
  if (!stream.is_host()) fail("communication on a device's stream: a process alone has none to communicate with");
  auto same = std::make_shared<SelfBackend>();
  same->activity_ = activity_;
  same->mailbox_ = mailbox_;
  return same;
}

void SelfBackend::all_gather(std::span<const std::byte> mine, std::span<std::byte> all) {
  std::ranges::copy(mine, all.begin());
}

void SelfBackend::gather(std::span<const std::byte> mine, std::span<std::byte> all, std::span<const int64_t>, int) {
  std::ranges::copy(mine, all.begin());
}

void SelfBackend::all_to_all(std::span<const std::byte> send, std::span<std::byte> receive, int64_t) {
  std::ranges::copy(send, receive.begin());
}

Pending SelfBackend::start_exchange(const Exchange& exchange) {
  MODR_CHECK(exchange.send.size() == exchange.receive.size(), "a rank sends itself {} bytes and expects {}",
             exchange.send.size(), exchange.receive.size());
  std::ranges::copy(exchange.send, exchange.receive.begin());
  return {};
}

Pending SelfBackend::start_send(std::span<const std::byte> bytes, int, int64_t label) {
  mailbox_->messages.push_back({{bytes.begin(), bytes.end()}, label});
  ++mailbox_->num_sent;
  return {};
}

Pending SelfBackend::start_receive(std::span<std::byte> bytes, int, int64_t label) {
  return Pending(std::make_unique<Mailbox::Receive>(mailbox_, bytes, label));
}

std::unique_ptr<CounterBackend> SelfBackend::make_counter() { return std::make_unique<SelfCounter>(); }

std::shared_ptr<CommBackend> make_self_backend() { return std::make_shared<SelfBackend>(); }

}  // namespace modr

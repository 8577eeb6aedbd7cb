#include "base/before_waiting.hpp"

#include <utility>
#include <vector>

namespace modr {

namespace {

// Never destroyed: what is static may outlive a thread's own.
std::vector<BeforeWaiting*>& those_who_wait() {
  thread_local auto* all = new std::vector<BeforeWaiting*>;
  return *all;
}

}  // namespace

BeforeWaiting::BeforeWaiting(std::function<void()> wait) : wait_(std::move(wait)) { those_who_wait().push_back(this); }

BeforeWaiting::~BeforeWaiting() { std::erase(those_who_wait(), this); }

void before_waiting() {
  const std::vector<BeforeWaiting*>& all = those_who_wait();
  for (std::size_t i = 0; i < all.size(); ++i) all[i]->wait_();
}

}  // namespace modr

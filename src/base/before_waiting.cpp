#include "base/before_waiting.hpp"

#include <utility>
#include <vector>

namespace modr {

namespace {

// Null on a thread that has none, and never destroyed: what is static may outlive a thread's own.
thread_local std::vector<BeforeWaiting*>* of_thread = nullptr;

}  // namespace

BeforeWaiting::BeforeWaiting(std::function<void()> wait) : wait_(std::move(wait)) {
  if (of_thread == nullptr) of_thread = new std::vector<BeforeWaiting*>;
  of_thread->push_back(this);
}

BeforeWaiting::~BeforeWaiting() { std::erase(*of_thread, this); }

void before_waiting() {
  if (of_thread == nullptr) return;
  for (std::size_t i = 0; i < of_thread->size(); ++i) (*of_thread)[i]->wait_();
}

}  // namespace modr

#include "tensor/memory_ledger.hpp"

#include <utility>

#include "tensor/storage.hpp"

namespace modr {

struct MemoryBooks {
  void change(const std::string& use, int64_t bytes) {
    uses[use] += bytes;
    in_use += bytes;
    if (in_use <= peak) return;
    peak = in_use;
    at_peak_is_old = true;
  }
  // Copied when something goes, not with every block that comes while the peak rises.
  void remember_peak() {
    if (std::exchange(at_peak_is_old, false)) at_peak = uses;
  }

  MemoryUses uses, at_peak;
  int64_t in_use = 0, peak = 0;
  bool at_peak_is_old = false;
};

namespace {

thread_local std::shared_ptr<MemoryBooks> present_books;
thread_local const char* present_use = "rows under way";

}  // namespace

MemoryLedger::MemoryLedger() : books_(std::make_shared<MemoryBooks>()), before_(std::exchange(present_books, books_)) {}
MemoryLedger::~MemoryLedger() { present_books = std::move(before_); }

int64_t MemoryLedger::in_use() const { return books_->in_use; }
int64_t MemoryLedger::peak() const { return books_->peak; }
const MemoryUses& MemoryLedger::uses_at_peak() const {
  books_->remember_peak();
  return books_->at_peak;
}

MemoryLedger::Entry::Entry(std::size_t bytes)
    : books_(present_books), use_(present_use), bytes_(static_cast<int64_t>(block_bytes(bytes))) {
  if (books_) books_->change(use_, bytes_);
}

MemoryLedger::Entry::~Entry() {
  if (!books_) return;
  books_->remember_peak();
  books_->change(use_, -bytes_);
}

void MemoryLedger::Entry::set_use(std::string_view use) {
  if (!books_) return;
  books_->uses[use_] -= bytes_;
  use_ = use;
  books_->uses[use_] += bytes_;
}

MemoryUse::MemoryUse(const char* use) : before_(std::exchange(present_use, use)) {}
MemoryUse::~MemoryUse() { present_use = before_; }

}  // namespace modr

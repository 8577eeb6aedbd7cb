#include "train/memory_ledger.hpp"

#include "tensor/storage.hpp"

namespace modr {

void MemoryLedger::Block::set_use(std::string_view use) {
  ledger_.uses_[use_] -= bytes_;
  use_ = use;
  ledger_.uses_[use_] += bytes_;
}

PlannedBlock MemoryLedger::take(std::string_view use, int64_t bytes) {
  return std::make_shared<Block>(*this, use, static_cast<int64_t>(block_bytes(static_cast<std::size_t>(bytes))));
}

void MemoryLedger::change(const std::string& use, int64_t bytes) {
  uses_[use] += bytes;
  in_use_ += bytes;
  if (in_use_ <= peak_) return;
  peak_ = in_use_;
  at_peak_ = uses_;
}

}  // namespace modr

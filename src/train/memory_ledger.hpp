#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace modr {

/// Bytes by what they are for.
using MemoryUses = std::map<std::string, int64_t, std::less<>>;

/// Keeps account of blocks that nobody really takes, in the sizes that the allocator would give.
class MemoryLedger {
 public:
  /// One block, until it is destroyed.
  class Block {
   public:
    Block(MemoryLedger& ledger, std::string_view use, int64_t bytes) : ledger_(ledger), use_(use), bytes_(bytes) {
      ledger_.change(use_, bytes_);
    }
    ~Block() { ledger_.change(use_, -bytes_); }
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;

    int64_t bytes() const { return bytes_; }
    /// From now on it is there for something else.
    void set_use(std::string_view use);

   private:
    MemoryLedger& ledger_;
    std::string use_;
    int64_t bytes_;
  };

  MemoryLedger() = default;
  MemoryLedger(const MemoryLedger&) = delete;
  MemoryLedger& operator=(const MemoryLedger&) = delete;

  /// A block for a tensor of `bytes`. The ledger outlives it.
  std::shared_ptr<Block> take(std::string_view use, int64_t bytes);

  int64_t peak() const { return peak_; }
  const MemoryUses& uses_at_peak() const { return at_peak_; }

 private:
  void change(const std::string& use, int64_t bytes);

  MemoryUses uses_, at_peak_;
  int64_t in_use_ = 0, peak_ = 0;
};

using PlannedBlock = std::shared_ptr<MemoryLedger::Block>;

}  // namespace modr

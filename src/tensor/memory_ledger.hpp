#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace modr {

/// Bytes by what they are for.
using MemoryUses = std::map<std::string, int64_t, std::less<>>;

/// Keeps account of the meta tensors that its thread makes while it lives, in the blocks that the allocator would give:
/// what a step would take, gone through without values.
class MemoryLedger {
 public:
  /// From here on it is the thread's; the one before is again when it ends. Tensors may outlive it.
  MemoryLedger();
  ~MemoryLedger();
  MemoryLedger(const MemoryLedger&) = delete;
  MemoryLedger& operator=(const MemoryLedger&) = delete;

  int64_t in_use() const;
  int64_t peak() const;
  const MemoryUses& uses_at_peak() const;

  /// One block of a ledger until it is destroyed.
  class Entry {
   public:
    /// Of the thread's ledger and for the thread's present use; in nobody's books where it has none.
    explicit Entry(std::size_t bytes);
    ~Entry();
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    /// From now on it is there for something else.
    void set_use(std::string_view use);

   private:
    std::shared_ptr<struct MemoryBooks> books_;
    std::string use_;
    int64_t bytes_;
  };

 private:
  std::shared_ptr<MemoryBooks> books_, before_;
};

/// What the tensors are for that this thread makes while it lives, e.g. "weights".
class MemoryUse {
 public:
  explicit MemoryUse(const char* use);
  ~MemoryUse();
  MemoryUse(const MemoryUse&) = delete;
  MemoryUse& operator=(const MemoryUse&) = delete;

 private:
  const char* before_;
};

}  // namespace modr

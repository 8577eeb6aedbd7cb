#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "model/cache_policy.hpp"
#include "model/config.hpp"
#include "nn/attention.hpp"

namespace modr {

/// Slots of a sequence's every token: one a layer outside the core, and as many for the core as `max_steps` recurrences
/// take.
int64_t cache_slots(const ModelConfig& model, const CacheConfig& config, int64_t max_steps);

/// Bytes of K and V that a token takes in a cache.
std::size_t cache_bytes_per_token(const ModelConfig& model, const CacheConfig& config, int64_t max_steps, DType dtype);

/// One pass of attention over a cached sequence; only a unit's first choice writes to the cache.
struct CachedPass {
  int64_t sequence = 0;  // index within the call
  bool writes = true;
};

/// Keys and values of every sequence for every layer and recurrence, in one slab. A forward call goes: begin(), windows
/// for the stages, end().
class KvCache {
 public:
  /// Room for sequences of at most capacities[i] tokens of their own, with at most `max_steps` recurrences each.
  KvCache(const ModelConfig& model, const CacheConfig& config, std::vector<int64_t> capacities, int64_t max_steps,
          TensorType type);
  /// The same for `sequences` of the same capacity.
  KvCache(const ModelConfig& model, const CacheConfig& config, int64_t sequences, int64_t capacity, int64_t max_steps,
          TensorType type)
      : KvCache(model, config, std::vector<int64_t>(static_cast<std::size_t>(sequences), capacity), max_steps, type) {}

  /// The next call handles these sequences, sequences[i] bringing counts[i] real new tokens. Throws Error when one
  /// would not fit.
  void begin(std::vector<int64_t> sequences, std::vector<int64_t> counts);
  std::unique_ptr<CacheWindow> prelude_window();
  std::unique_ptr<CacheWindow> core_window(int64_t recurrence, std::vector<CachedPass> passes);
  std::unique_ptr<CacheWindow> coda_window();
  /// The call's new tokens become past ones that took `steps` recurrences.
  void end(int64_t steps);

  /// Cached tokens of a sequence.
  int64_t length(int64_t sequence) const { return static_cast<int64_t>(at(sequence).steps.size()); }
  /// Forgets the tokens of a sequence from `length` on; of a fork, only its own.
  void truncate(int64_t sequence, int64_t length);
  /// The empty sequence `to` goes on behind the tokens that `from` has now, which both read and nobody copies. `from`
  /// is no fork itself, and takes no part in calls any more.
  void fork(int64_t from, int64_t to);
  std::size_t bytes() const { return slab_.bytes(); }

 private:
  friend class StageWindow;

  struct Sequence {
    int64_t first_row = 0, capacity = 0;  // of its own tokens, within every slot
    std::vector<int64_t> steps;           // recurrences that each of its tokens took
    int64_t root = -1, shared = 0;        // a fork: whose tokens its first `shared` are
    bool forked = false;                  // others read its tokens
  };

  // Where the cached tokens of some sequences lie within every slot, as attention takes it.
  struct PastRows {
    std::vector<int64_t> sequences = {};
    Offsets rows = {}, past = {};
    int64_t max_past = 0;
  };

  Sequence& at(int64_t sequence) { return table_.at(static_cast<std::size_t>(sequence)); }
  const Sequence& at(int64_t sequence) const { return table_.at(static_cast<std::size_t>(sequence)); }
  int64_t row(int64_t slot, int64_t sequence, int64_t position) const {
    const Sequence& own = at(sequence);
    const int64_t first = position < own.shared ? at(own.root).first_row : own.first_row - own.shared;
    return slot * rows_per_slot_ + first + position;
  }

  CacheConfig config_;
  CoreSlots slots_;
  int64_t max_steps_, block_size_;
  int64_t prelude_layers_, core_slots_;
  int64_t rows_per_slot_ = 0;
  Tensor slab_;                           // [rows, 2, n_embd]
  std::vector<Sequence> table_;
  std::vector<int64_t> active_, counts_;  // of the call under way
  PastRows past_rows_;                    // the last that were asked for in it
};

}  // namespace modr

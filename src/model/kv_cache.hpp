#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/config.hpp"
#include "nn/attention.hpp"

namespace modr {

/// Which cache slot recurrence t uses, and what stands in for a token that stopped before t (MODEL.md, "Decoding").
enum class CachePolicy {
  full,        // slot t; a token that stopped before t is not seen
  compress_s,  // slot t mod K
  compress_r,  // slot t div K
  latest       // slot t; a token that stopped before t shows its last computed recurrence
};

struct CacheConfig {
  CachePolicy policy = CachePolicy::full;
  int64_t slots = 0;  // K of the compress policies
};

/// "full", "latest", "compress-s:K" or "compress-r:K"; throws Error for anything else.
CacheConfig parse_cache_config(const std::string& text);

/// Tokens that a cache holds, a sequence and position: one a layer outside the core, and as many a layer of the core as
/// `max_steps` recurrences take.
int64_t cache_slots(const ModelConfig& model, const CacheConfig& config, int64_t max_steps);

/// One pass of attention over a cached sequence; only a unit's first choice writes to the cache.
struct CachedPass {
  int64_t sequence = 0;  // index within the call
  bool writes = true;
};

/// Keys and values of every sequence for every layer and recurrence, in one slab. A forward call goes: begin(), windows
/// for the stages, end().
class KvCache {
 public:
  /// Room for `sequences` of at most `capacity` tokens with at most `max_steps` recurrences each.
  KvCache(const ModelConfig& model, const CacheConfig& config, int64_t sequences, int64_t capacity, int64_t max_steps,
          DType dtype);

  /// The next call handles these sequences, sequences[i] bringing counts[i] real new tokens. Throws Error when one
  /// would not fit.
  void begin(std::vector<int64_t> sequences, std::vector<int64_t> counts);
  std::unique_ptr<CacheWindow> prelude_window();
  std::unique_ptr<CacheWindow> core_window(int64_t recurrence, std::vector<CachedPass> passes);
  std::unique_ptr<CacheWindow> coda_window();
  /// The call's new tokens become past ones that took `steps` recurrences.
  void end(int64_t steps);

  /// Cached tokens of a sequence.
  int64_t length(int64_t sequence) const { return static_cast<int64_t>(steps_[std::size_t(sequence)].size()); }
  /// Forgets the tokens of a sequence from `length` on.
  void truncate(int64_t sequence, int64_t length);
  int64_t capacity() const { return capacity_; }
  std::size_t bytes() const { return slab_.bytes(); }

 private:
  friend class StageWindow;
  int64_t row(int64_t slot, int64_t sequence, int64_t position) const {
    return (slot * sequences_ + sequence) * capacity_ + position;
  }
  // The core slot group that a token which took `steps` recurrences shows at `recurrence`; -1: none.
  int64_t core_group(int64_t recurrence, int64_t steps) const;

  CacheConfig config_;
  int64_t sequences_, capacity_, max_steps_;
  int64_t prelude_layers_, core_layers_, coda_layers_;
  int64_t core_groups_;
  Tensor slab_;                               // [rows, 2, n_embd]
  std::vector<std::vector<int64_t>> steps_;   // [sequence][token]: recurrences it took
  std::vector<int64_t> active_, counts_;      // of the call under way
};

}  // namespace modr

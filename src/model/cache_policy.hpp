#pragma once
#include <cstdint>
#include <string>

namespace modr {

/// What attention reads at a core slot where some past token has no entry, because it took fewer recurrences. Where
/// every past token has one, the slot is read as it is, whatever the lookup.
enum class CacheLookup {
  full,         // "full": tokens without an entry are left out
  skip,         // "skip": the same
  latest,       // "latest-m4", "available-m4": each token's largest slot at or below this one, of the same layer
  always_last,  // "always-last-m4": each token's largest slot of the same layer, also beyond this one
  none          // "compress-…" by itself: an error
};

/// Which slot a core layer writes: layer-steps are counted u = L t + j for layer j of L at recurrence t.
enum class CacheCompression {
  none,   // slot u
  s,      // "compress-sK": slot u mod K
  r,      // "compress-rK": slot u div K
  anchor  // "compress-anchor": slot u in the first 8 recurrences; the later ones share the slots of one
};

/// A cache policy by upstream's names (HuginnDynamicCache; MODEL.md, "Decoding").
struct CacheConfig {
  CacheLookup lookup = CacheLookup::full;
  CacheCompression compression = CacheCompression::none;
  int64_t by = 0;  // K of compress-sK and compress-rK
  std::string name = "full";
};

/// What parse_cache_config() takes, for help texts.
inline constexpr const char* cache_config_names =
    "full, latest-m4, available-m4, always-last-m4 or skip; compress-sK, compress-rK or compress-anchor; or one of "
    "each, as in latest-m4-compress-s16";

/// A policy by its name. Throws Error for anything else, "full-compress-…" and "randomized" included: upstream's first
/// is an error as soon as it would matter, and its second has no fixed result.
CacheConfig parse_cache_config(const std::string& text);

/// The slots that a policy gives a core of `layers` layers, counted from 0.
class CoreSlots {
 public:
  CoreSlots(const CacheConfig& config, int64_t layers) : config_(config), layers_(layers) {}

  /// Slots that a token of `steps` recurrences has entries in: those below this number.
  int64_t filled(int64_t steps) const;
  /// The slot that `layer` writes at `recurrence`.
  int64_t written(int64_t layer, int64_t recurrence) const;
  /// The slot to read at `slot` of a token that took `steps` recurrences, when some past token (`steps` may be enough
  /// here) has no entry in it; -1: the token is left out. Throws Error where the policy has no answer.
  int64_t stand_in(int64_t slot, int64_t steps) const;
  /// Whether every layer-step of `steps` recurrences has a slot of its own. Then a token sees of the ones before it
  /// what it sees of those in the same call, and tokens get the same results together as one after the other.
  bool keeps_all(int64_t steps) const { return filled(steps) == layers_ * steps; }

 private:
  CacheConfig config_;
  int64_t layers_;
};

}  // namespace modr

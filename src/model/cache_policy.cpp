#include "model/cache_policy.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "base/error.hpp"
#include "base/integer.hpp"

namespace modr {

namespace {

constexpr int64_t anchored_recurrences = 8;  // of compress-anchor, upstream's number

std::optional<CacheLookup> lookup_named(std::string_view name) {
  if (name == "full") return CacheLookup::full;
  if (name == "skip") return CacheLookup::skip;
  if (name == "latest-m4" || name == "available-m4") return CacheLookup::latest;
  if (name == "always-last-m4") return CacheLookup::always_last;
  return std::nullopt;
}

// "sK", "rK" or "anchor"; false for anything else.
bool parse_compression(std::string_view name, CacheConfig& config) {
  if (name == "anchor") {
    config.compression = CacheCompression::anchor;
    return true;
  }
  if (name.empty() || (name[0] != 's' && name[0] != 'r')) return false;
  config.compression = name[0] == 's' ? CacheCompression::s : CacheCompression::r;
  const char* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data() + 1, end, config.by);
  return error == std::errc() && stop == end && config.by > 0;
}

bool parse_policy(std::string_view text, CacheConfig& config) {
  constexpr std::string_view word = "compress-";
  const auto at = text.find(word);
  if (at == std::string_view::npos) {
    const auto lookup = lookup_named(text);
    config.lookup = lookup.value_or(CacheLookup::none);
    return lookup.has_value();
  }
  if (!parse_compression(text.substr(at + word.size()), config)) return false;
  config.lookup = CacheLookup::none;
  if (at == 0) return true;
  if (text[at - 1] != '-') return false;
  const auto lookup = lookup_named(text.substr(0, at - 1));
  config.lookup = lookup.value_or(CacheLookup::full);
  return config.lookup != CacheLookup::full;
}

}  // namespace

CacheConfig parse_cache_config(const std::string& text) {
  CacheConfig config;
  config.name = text;
  if (parse_policy(text, config)) return config;
  fail("KV cache: expected {}, found '{}'", cache_config_names, text);
}

int64_t CoreSlots::filled(int64_t steps) const {
  const int64_t layer_steps = layers_ * steps;
  switch (config_.compression) {
    case CacheCompression::none: return layer_steps;
    case CacheCompression::s: return std::min(config_.by, layer_steps);
    case CacheCompression::r: return ceil_div(layer_steps, config_.by);
    case CacheCompression::anchor: return std::min(layer_steps, (anchored_recurrences + 1) * layers_);
  }
  fail("unknown compression of a cache");
}

int64_t CoreSlots::written(int64_t layer, int64_t recurrence) const {
  const int64_t u = layers_ * recurrence + layer;
  switch (config_.compression) {
    case CacheCompression::none: return u;
    case CacheCompression::s: return u % config_.by;
    case CacheCompression::r: return u / config_.by;
    case CacheCompression::anchor:
      return recurrence < anchored_recurrences ? u : anchored_recurrences * layers_ + layer;
  }
  fail("unknown compression of a cache");
}

int64_t CoreSlots::stand_in(int64_t slot, int64_t steps) const {
  const int64_t end = filled(steps);  // upstream's congruence is of slots, compressed ones too
  switch (config_.lookup) {
    case CacheLookup::full:
    case CacheLookup::skip: return slot < end ? slot : -1;
    case CacheLookup::latest: {
      const int64_t below = slot < end ? slot : slot - (slot - end + layers_) / layers_ * layers_;
      if (below >= 0) return below;
      break;
    }
    case CacheLookup::always_last: {
      const int64_t last = end - 1 - ((end - 1 - slot) % layers_ + layers_) % layers_;
      if (last >= 0) return last;
      break;
    }
    case CacheLookup::none:
      if (slot < end) return slot;
      break;
  }
  fail("KV cache {}: a token of {} recurrences has nothing to show at slot {} of the core, which fewer recurrences for "
       "some tokens than for others need; latest-m4 in front of the name would say what",
       config_.name, steps, slot);
}

}  // namespace modr

#include "model/kv_cache.hpp"

#include <algorithm>
#include <charconv>

#include "base/error.hpp"

namespace modr {

CacheConfig parse_cache_config(const std::string& text) {
  if (text == "full") return {CachePolicy::full, 0};
  if (text == "latest") return {CachePolicy::latest, 0};
  for (const auto& [prefix, policy] : {std::pair{std::string("compress-s:"), CachePolicy::compress_s},
                                       std::pair{std::string("compress-r:"), CachePolicy::compress_r}}) {
    if (text.rfind(prefix, 0) != 0) continue;
    int64_t slots = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + prefix.size(), end, slots);
    if (error == std::errc() && stop == end && slots > 0) return {policy, slots};
  }
  fail("KV cache: expected full, latest, compress-s:K or compress-r:K with K of at least 1, found '{}'", text);
}

namespace {

int64_t core_groups(const CacheConfig& config, int64_t max_steps) {
  switch (config.policy) {
    case CachePolicy::full:
    case CachePolicy::latest: return max_steps;
    case CachePolicy::compress_s: return std::min(config.slots, max_steps);
    case CachePolicy::compress_r: return (max_steps + config.slots - 1) / config.slots;
  }
  fail("unknown cache policy");
}

}  // namespace

int64_t cache_slots(const ModelConfig& model, const CacheConfig& config, int64_t max_steps) {
  return model.n_layers_in_prelude + core_groups(config, max_steps) * model.n_layers_in_recurrent_block +
         model.n_layers_in_coda;
}

/// A stage's slots, seen by the passes of one call.
class StageWindow final : public CacheWindow {
 public:
  // recurrence -1: a stage outside the core, whose layer i has slot first_slot + i.
  StageWindow(KvCache& cache, int64_t first_slot, int64_t recurrence, std::vector<CachedPass> passes)
      : cache_(cache), first_slot_(first_slot), recurrence_(recurrence), passes_(std::move(passes)) {}

  ops::CachedTokens past(int64_t layer) const override {
    ops::CachedTokens tokens{cache_.slab_, {}, {}, 0};
    for (const CachedPass& pass : passes_) tokens.past.push_back(cache_.length(home(pass)));
    for (int64_t length : tokens.past) tokens.max_past = std::max(tokens.max_past, length);
    tokens.rows.assign(passes_.size() * static_cast<std::size_t>(tokens.max_past), -1);
    for (std::size_t p = 0; p < passes_.size(); ++p) {
      const int64_t sequence = home(passes_[p]);
      const auto& steps = cache_.steps_[static_cast<std::size_t>(sequence)];
      int64_t* rows = tokens.rows.data() + p * static_cast<std::size_t>(tokens.max_past);
      for (std::size_t i = 0; i < steps.size(); ++i) {
        const int64_t slot = slot_of(layer, steps[i]);
        rows[i] = slot < 0 ? -1 : cache_.row(slot, sequence, static_cast<int64_t>(i));
      }
    }
    return tokens;
  }

  void store(int64_t layer, const Tensor& qkv) override {
    if (passes_.empty()) return;
    const int64_t width = qkv.size(1) / 3, seq = qkv.size(0) / static_cast<int64_t>(passes_.size());
    const int64_t slot = slot_of(layer, recurrence_ + 1);
    const Tensor keys_values = qkv.slice(1, width, 3 * width);
    for (std::size_t p = 0; p < passes_.size(); ++p) {
      if (!passes_[p].writes) continue;
      const int64_t count = cache_.counts_[static_cast<std::size_t>(passes_[p].sequence)];
      const int64_t sequence = home(passes_[p]), first = cache_.row(slot, sequence, cache_.length(sequence));
      const int64_t row = static_cast<int64_t>(p) * seq;
      cache_.slab_.slice(0, first, first + count).view({count, 2 * width}).copy_from(
          keys_values.slice(0, row, row + count));
    }
  }

 private:
  int64_t home(const CachedPass& pass) const { return cache_.active_[static_cast<std::size_t>(pass.sequence)]; }

  int64_t slot_of(int64_t layer, int64_t steps) const {
    if (recurrence_ < 0) return first_slot_ + layer;
    const int64_t group = cache_.core_group(recurrence_, steps);
    return group < 0 ? -1 : first_slot_ + group * cache_.core_layers_ + layer;
  }

  KvCache& cache_;
  int64_t first_slot_, recurrence_;
  std::vector<CachedPass> passes_;
};

KvCache::KvCache(const ModelConfig& model, const CacheConfig& config, int64_t sequences, int64_t capacity,
                 int64_t max_steps, DType dtype)
    : config_(config),
      sequences_(sequences),
      capacity_(capacity),
      max_steps_(max_steps),
      prelude_layers_(model.n_layers_in_prelude),
      core_layers_(model.n_layers_in_recurrent_block),
      coda_layers_(model.n_layers_in_coda),
      steps_(static_cast<std::size_t>(sequences)) {
  MODR_CHECK(capacity <= model.block_size, "a cache of {} tokens for a block size of {}", capacity, model.block_size);
  core_groups_ = core_groups(config, max_steps);
  const int64_t slots = cache_slots(model, config, max_steps);
  slab_ = Tensor::empty({slots * sequences * capacity, 2, model.n_embd}, dtype);
}

int64_t KvCache::core_group(int64_t recurrence, int64_t steps) const {
  switch (config_.policy) {
    case CachePolicy::full: return steps > recurrence ? recurrence : -1;
    case CachePolicy::latest: return std::min(recurrence, steps - 1);
    case CachePolicy::compress_s: {
      const int64_t group = recurrence % config_.slots;
      return steps > group ? group : -1;
    }
    case CachePolicy::compress_r: {
      const int64_t group = recurrence / config_.slots;
      return steps > group * config_.slots ? group : -1;
    }
  }
  fail("unknown cache policy");
}

void KvCache::begin(std::vector<int64_t> sequences, std::vector<int64_t> counts) {
  MODR_CHECK(sequences.size() == counts.size(), "{} sequences with {} counts", sequences.size(), counts.size());
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    MODR_CHECK(sequences[i] >= 0 && sequences[i] < sequences_, "sequence {} of {}", sequences[i], sequences_);
    if (length(sequences[i]) + counts[i] > capacity_)
      fail("a sequence of {} tokens does not fit into a KV cache of {}", length(sequences[i]) + counts[i], capacity_);
  }
  active_ = std::move(sequences);
  counts_ = std::move(counts);
}

namespace {

std::vector<CachedPass> one_pass_each(std::size_t count) {
  std::vector<CachedPass> passes;
  for (std::size_t i = 0; i < count; ++i) passes.push_back({static_cast<int64_t>(i), true});
  return passes;
}

}  // namespace

std::unique_ptr<CacheWindow> KvCache::prelude_window() {
  return std::make_unique<StageWindow>(*this, 0, -1, one_pass_each(active_.size()));
}

std::unique_ptr<CacheWindow> KvCache::core_window(int64_t recurrence, std::vector<CachedPass> passes) {
  MODR_CHECK(recurrence < max_steps_, "recurrence {} in a cache for {}", recurrence, max_steps_);
  return std::make_unique<StageWindow>(*this, prelude_layers_, recurrence, std::move(passes));
}

std::unique_ptr<CacheWindow> KvCache::coda_window() {
  return std::make_unique<StageWindow>(*this, prelude_layers_ + core_groups_ * core_layers_, -1,
                                       one_pass_each(active_.size()));
}

void KvCache::end(int64_t steps) {
  for (std::size_t i = 0; i < active_.size(); ++i) {
    auto& taken = steps_[static_cast<std::size_t>(active_[i])];
    taken.insert(taken.end(), static_cast<std::size_t>(counts_[i]), steps);
  }
}

void KvCache::truncate(int64_t sequence, int64_t length) {
  auto& taken = steps_.at(static_cast<std::size_t>(sequence));
  MODR_CHECK(length >= 0 && length <= static_cast<int64_t>(taken.size()), "truncate {} tokens to {}", taken.size(),
             length);
  taken.resize(static_cast<std::size_t>(length));
}

}  // namespace modr

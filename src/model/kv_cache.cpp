#include "model/kv_cache.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace modr {

int64_t cache_slots(const ModelConfig& model, const CacheConfig& config, int64_t max_steps) {
  return model.n_layers_in_prelude + CoreSlots(config, model.n_layers_in_recurrent_block).filled(max_steps) +
         model.n_layers_in_coda;
}

std::size_t cache_bytes_per_token(const ModelConfig& model, const CacheConfig& config, int64_t max_steps, DType dtype) {
  return static_cast<std::size_t>(cache_slots(model, config, max_steps) * 2 * model.n_embd) * size_of(dtype);
}

/// A stage's slots, seen by the passes of one call.
class StageWindow final : public CacheWindow {
 public:
  // recurrence -1: a stage outside the core, whose layer i has slot first_slot + i.
  StageWindow(KvCache& cache, int64_t first_slot, int64_t recurrence, std::vector<CachedPass> passes)
      : cache_(cache), first_slot_(first_slot), recurrence_(recurrence), passes_(std::move(passes)) {}

  // Where every token shows the layer's own slot, layers and recurrences differ in the slot alone and share the rows.
  ops::CachedTokens past(int64_t layer) const override {
    const int64_t slot = slot_of(layer), size = cache_.rows_per_slot_;
    const KvCache::PastRows& common = common_rows();
    if (common.max_past == 0) return {cache_.slab_, common.rows, common.past, 0};
    if (std::ranges::all_of(passes_, [&](const CachedPass& pass) { return all_have(slot, home(pass)); }))
      return {cache_.slab_.slice(0, slot * size, (slot + 1) * size), common.rows, common.past, common.max_past};
    std::vector<int64_t> rows(passes_.size() * static_cast<std::size_t>(common.max_past), -1);
    for (std::size_t p = 0; p < passes_.size(); ++p)
      find_rows(slot, home(passes_[p]), rows.data() + p * static_cast<std::size_t>(common.max_past));
    return {cache_.slab_, make_offsets(std::move(rows)), common.past, common.max_past};
  }

  void store(int64_t layer, const Tensor& qkv) override {
    if (passes_.empty()) return;
    const int64_t width = qkv.size(1) / 3, seq = qkv.size(0) / static_cast<int64_t>(passes_.size());
    const int64_t slot = slot_of(layer);
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

  int64_t slot_of(int64_t layer) const {
    return first_slot_ + (recurrence_ < 0 ? layer : cache_.slots_.written(layer, recurrence_));
  }

  // Whether all cached tokens of a sequence took enough recurrences to have the slot.
  bool all_have(int64_t slot, int64_t sequence) const {
    return recurrence_ < 0 || std::ranges::all_of(cache_.at(sequence).steps, [&](int64_t taken) {
             return slot - first_slot_ < cache_.slots_.filled(taken);
           });
  }

  // The rows that the tokens of a sequence show at a slot.
  void find_rows(int64_t slot, int64_t sequence, int64_t* rows) const {
    const std::vector<int64_t>& steps = cache_.at(sequence).steps;
    const int64_t core_slot = slot - first_slot_;
    const bool have = all_have(slot, sequence);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const int64_t shown = have ? core_slot : cache_.slots_.stand_in(core_slot, steps[i]);
      rows[i] = shown < 0 ? -1 : cache_.row(first_slot_ + shown, sequence, static_cast<int64_t>(i));
    }
  }

  // Of the passes' sequences, within any slot; made once a call for passes in the same order.
  const KvCache::PastRows& common_rows() const {
    std::vector<int64_t> homes;
    for (const CachedPass& pass : passes_) homes.push_back(home(pass));
    KvCache::PastRows& made = cache_.past_rows_;
    if (made.rows && made.sequences == homes) return made;
    std::vector<int64_t> past;
    int64_t max_past = 0;
    for (const int64_t sequence : homes) {
      past.push_back(cache_.length(sequence));
      max_past = std::max(max_past, past.back());
    }
    std::vector<int64_t> rows(homes.size() * static_cast<std::size_t>(max_past), -1);
    for (std::size_t p = 0; p < homes.size(); ++p)
      for (int64_t i = 0; i < past[p]; ++i)
        rows[p * static_cast<std::size_t>(max_past) + static_cast<std::size_t>(i)] = cache_.row(0, homes[p], i);
    made = {std::move(homes), make_offsets(std::move(rows)), make_offsets(std::move(past)), max_past};
    return made;
  }

  KvCache& cache_;
  int64_t first_slot_, recurrence_;
  std::vector<CachedPass> passes_;
};

KvCache::KvCache(const ModelConfig& model, const CacheConfig& config, std::vector<int64_t> capacities,
                 int64_t max_steps, TensorType type)
    : config_(config),
      slots_(config, model.n_layers_in_recurrent_block),
      max_steps_(max_steps),
      block_size_(model.block_size),
      prelude_layers_(model.n_layers_in_prelude),
      core_slots_(slots_.filled(max_steps)) {
  for (int64_t capacity : capacities) {
    MODR_CHECK(capacity >= 0 && capacity <= block_size_, "a cache of {} tokens for a block size of {}", capacity,
               block_size_);
    table_.push_back({rows_per_slot_, capacity, {}, -1, 0, false});
    rows_per_slot_ += capacity;
  }
  const MemoryUse use("KV cache");
  slab_ = Tensor::empty({cache_slots(model, config, max_steps) * rows_per_slot_, 2, model.n_embd}, type);
}

void KvCache::begin(std::vector<int64_t> sequences, std::vector<int64_t> counts) {
  MODR_CHECK(sequences.size() == counts.size(), "{} sequences with {} counts", sequences.size(), counts.size());
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    MODR_CHECK(sequences[i] >= 0 && sequences[i] < std::ssize(table_), "sequence {} of {}", sequences[i],
               table_.size());
    const Sequence& sequence = at(sequences[i]);
    MODR_CHECK(!sequence.forked, "sequence {} goes on in its forks", sequences[i]);
    const int64_t after = length(sequences[i]) + counts[i], room = sequence.shared + sequence.capacity;
    if (after > std::min(room, block_size_))
      fail("a sequence of {} tokens does not fit into a KV cache of {}", after, std::min(room, block_size_));
  }
  active_ = std::move(sequences);
  counts_ = std::move(counts);
  past_rows_ = {};
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
  return std::make_unique<StageWindow>(*this, prelude_layers_ + core_slots_, -1, one_pass_each(active_.size()));
}

void KvCache::end(int64_t steps) {
  for (std::size_t i = 0; i < active_.size(); ++i) {
    auto& taken = at(active_[i]).steps;
    taken.insert(taken.end(), static_cast<std::size_t>(counts_[i]), steps);
  }
}

void KvCache::truncate(int64_t sequence, int64_t length) {
  Sequence& cut = at(sequence);
  MODR_CHECK(length >= cut.shared && length <= std::ssize(cut.steps) && !cut.forked, "truncate {} tokens to {}",
             cut.steps.size(), length);
  cut.steps.resize(static_cast<std::size_t>(length));
}

void KvCache::fork(int64_t from, int64_t to) {
  Sequence &root = at(from), &fork = at(to);
  MODR_CHECK(root.root < 0 && fork.root < 0 && fork.steps.empty() && !fork.forked, "sequence {} as a fork of {}", to,
             from);
  root.forked = true;
  fork.root = from;
  fork.shared = length(from);
  fork.steps = root.steps;
}

}  // namespace modr

#include "model/generate.hpp"

#include <algorithm>
#include <numeric>

#include "base/error.hpp"
#include "model/speculative.hpp"

namespace modr {

namespace {

// One prompt on its way.
struct Stream {
  std::vector<int32_t> pending;  // tokens that the next call takes in
  int64_t position = 0;          // of the first of them
  Tensor last_state;             // [1, n_embd], after the prompt with continuous compute; else undefined
};

// A batch of prompts over one cache; prompts that are done leave the batch.
class Batch {
 public:
  Batch(const ModrModel& model, std::span<const Prompt> prompts, const GenerateOptions& options)
      : model_(model), prompts_(prompts), options_(options), decoder_(model, make_cache()), streams_(prompts.size()) {
    results_.resize(prompts.size());
    active_.resize(prompts.size());
    std::iota(active_.begin(), active_.end(), int64_t{0});
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      streams_[i].pending = prompts[i].tokens;
      if (model.core().router())
        results_[i].branch_counts.assign(static_cast<std::size_t>(model.config().branches.n_branches), 0);
    }
    if (options.exit) exit_.emplace(options.exit->criterion, options.exit->threshold);
  }

  std::vector<Generation> run(const GenerateObserver& observer) {
    if (options_.max_new_tokens <= 0) return std::move(results_);
    while (!active_.empty()) {
      const DecodeCall call = make_call();
      const DecodeResult result = decoder_(call);
      if (observer) observer(call, result);
      take_in(call, result);
    }
    return std::move(results_);
  }

 private:
  KvCache make_cache() const {
    std::vector<int64_t> capacities;
    for (const Prompt& prompt : prompts_) {
      const auto length = static_cast<int64_t>(prompt.tokens.size());
      if (length == 0) fail("an empty prompt cannot be continued");
      if (length >= model_.config().block_size)
        fail("a prompt of {} tokens leaves no room within the model's block size {}", length,
             model_.config().block_size);
      capacities.push_back(std::min(length + options_.max_new_tokens, model_.config().block_size));
    }
    return {model_.config(), options_.cache, std::move(capacities), options_.num_steps, model_.type()};
  }

  DecodeCall make_call() {
    DecodeCall call;
    call.sequences = active_;
    for (int64_t sequence : active_) {
      call.counts.push_back(static_cast<int64_t>(streams_[std::size_t(sequence)].pending.size()));
      call.seq = std::max(call.seq, call.counts.back());
    }
    std::vector<int32_t> ids;
    for (int64_t sequence : active_) {
      std::vector<int32_t> row = streams_[std::size_t(sequence)].pending;
      row.resize(static_cast<std::size_t>(call.seq), row.back());
      ids.insert(ids.end(), row.begin(), row.end());
    }
    call.ids = make_indices(std::move(ids));
    call.initial_state = make_states(call.seq);
    call.num_steps = options_.num_steps;
    call.exit = exit_ ? &*exit_ : nullptr;
    return call;
  }

  Tensor make_states(int64_t seq) const {
    std::vector<StateKey> keys;
    for (int64_t sequence : active_)
      for (int64_t i = 0; i < seq; ++i)
        keys.push_back({options_.seed, prompts_[std::size_t(sequence)].sample,
                        static_cast<uint32_t>(streams_[std::size_t(sequence)].position + i)});
    Tensor states = options_.states ? options_.states(keys) : initial_states(model_.config(), keys, model_.type());
    for (std::size_t i = 0; i < active_.size(); ++i) {
      const Tensor& last = streams_[std::size_t(active_[i])].last_state;  // none before the prompt; then seq is 1
      if (last.defined()) states.slice(0, int64_t(i), int64_t(i) + 1).copy_from(last);
    }
    return states;
  }

  void count_branches(const DecodeCall& call, const DecodeResult& result) {
    for (const RouteDecision& decision : result.decisions)
      for_real_choices(call, *decision.plan, [&](std::size_t row, int32_t branch) {
        ++results_[std::size_t(active_[row])].branch_counts[std::size_t(branch)];
      });
  }

  void take_in(const DecodeCall& call, const DecodeResult& result) {
    count_branches(call, result);
    const std::vector<int32_t> tokens = most_likely_tokens(result.logits, [&](int64_t row) {
      const auto place = static_cast<std::size_t>(active_[static_cast<std::size_t>(row)]);
      return name_of(prompts_[place], place);
    });
    std::vector<int64_t> still_active;
    for (std::size_t i = 0; i < active_.size(); ++i) {
      const int64_t sequence = active_[i];
      Stream& stream = streams_[std::size_t(sequence)];
      Generation& generation = results_[std::size_t(sequence)];
      generation.steps.push_back(result.steps);
      stream.position += call.counts[i];
      const int64_t row = static_cast<int64_t>(i) * call.seq + call.counts[i] - 1;
      if (options_.continuous_compute) stream.last_state = result.state.slice(0, row, row + 1).clone();
      const int32_t token = tokens[i];
      generation.stopped =
          std::find(options_.stop_ids.begin(), options_.stop_ids.end(), token) != options_.stop_ids.end();
      if (generation.stopped) continue;
      generation.tokens.push_back(token);
      stream.pending = {token};
      const bool full = static_cast<int64_t>(generation.tokens.size()) >= options_.max_new_tokens ||
                        stream.position >= model_.config().block_size;
      if (!full) still_active.push_back(sequence);
    }
    active_ = std::move(still_active);
  }

  const ModrModel& model_;
  std::span<const Prompt> prompts_;
  const GenerateOptions& options_;
  Decoder decoder_;
  std::vector<Stream> streams_;
  std::vector<Generation> results_;
  std::vector<int64_t> active_;
  std::optional<ExitRule> exit_;
};

}  // namespace

std::string name_of(const Prompt& prompt, std::size_t place) {
  return prompt.name.empty() ? fmt::format("prompt {}", place) : prompt.name;
}

std::vector<Generation> generate(const ModrModel& model, std::span<const Prompt> prompts,
                                 const GenerateOptions& options, const GenerateObserver& observer) {
  if (options.num_steps < 1) fail("num_steps: expected at least 1, found {}", options.num_steps);
  if (!options.exit && !options.draft) return Batch(model, prompts, options).run(observer);
  std::vector<Generation> results;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const Prompt prompt{prompts[i].tokens, prompts[i].sample, name_of(prompts[i], i)};
    results.push_back(options.draft ? generate_speculatively(model, prompt, options, observer)
                                    : std::move(Batch(model, {&prompt, 1}, options).run(observer).front()));
  }
  return results;
}

}  // namespace modr

#include "model/speculative.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace modr {

namespace {

// One prompt with its cache. `text_` is what is certain: the prompt and the words kept so far.
class Speculation {
 public:
  Speculation(const ModrModel& model, const Prompt& prompt, const GenerateOptions& options,
              const GenerateObserver& observer)
      : options_(options),
        observer_(observer),
        model_(model),
        sample_(prompt.sample),
        name_(prompt.name),
        text_(prompt.tokens),
        end_(std::min(static_cast<int64_t>(text_.size()) + options.max_new_tokens, model.config().block_size + 1)),
        decoder_(model, KvCache(model.config(), options.cache, 1, std::min(end_, model.config().block_size),
                                options.num_steps, model.type())) {
    if (model.core().router())
      result_.branch_counts.assign(static_cast<std::size_t>(model.config().branches.n_branches), 0);
  }

  Generation run() {
    const auto prompt_length = static_cast<int64_t>(text_.size());
    if (options_.max_new_tokens > 0) prefill();
    while (!result_.stopped && static_cast<int64_t>(text_.size()) < end_) check(draft());
    result_.tokens.assign(text_.begin() + prompt_length, text_.end());
    return std::move(result_);
  }

 private:
  void prefill() { take(call(text_, 0, options_.num_steps, 1).front()); }

  // The word after all certain ones.
  void take(int32_t word) {
    result_.stopped = is_stop(word);
    if (!result_.stopped) text_.push_back(word);
  }

  // The next words by few recurrences, from the last certain word on; the cache forgets them again.
  std::vector<int32_t> draft() {
    const int64_t cached = decoder_.cache().length(0);
    const int64_t room = end_ - static_cast<int64_t>(text_.size()) - 1;  // the check adds a word of its own
    std::vector<int32_t> words, next{text_.back()};
    for (int64_t i = 0; i < std::min(options_.draft->tokens, room); ++i) {
      next = {call(next, cached + i, options_.draft->steps, 1).front()};
      if (is_stop(next.front())) break;
      words.push_back(next.front());
    }
    decoder_.cache().truncate(0, cached);
    return words;
  }

  // The last certain word, which is not cached yet, and the drafted ones, with all recurrences.
  void check(const std::vector<int32_t>& drafted) {
    std::vector<int32_t> words{text_.back()};
    words.insert(words.end(), drafted.begin(), drafted.end());
    const std::vector<int32_t> answers =
        call(words, decoder_.cache().length(0), options_.num_steps, static_cast<int64_t>(words.size()));
    std::size_t kept = 0;
    while (kept < drafted.size() && answers[kept] == drafted[kept]) ++kept;
    text_.insert(text_.end(), drafted.begin(), drafted.begin() + static_cast<std::ptrdiff_t>(kept));
    decoder_.cache().truncate(0, static_cast<int64_t>(text_.size()));
    take(answers[kept]);
  }

  // The most likely word after each of the last `answers` of `words`, which start at `position`.
  std::vector<int32_t> call(const std::vector<int32_t>& words, int64_t position, int64_t num_steps, int64_t answers) {
    DecodeCall request;
    request.sequences = {0};
    request.seq = static_cast<int64_t>(words.size());
    request.counts = {request.seq};
    request.ids = make_indices(words);
    request.num_steps = num_steps;
    request.last_logits = answers;
    request.tokens_are_units = position > 0;  // the prompt is routed as the config says
    std::vector<StateKey> keys;
    for (int64_t i = 0; i < request.seq; ++i)
      keys.push_back({options_.seed, sample_, static_cast<uint32_t>(position + i)});
    request.initial_state =
        options_.states ? options_.states(keys) : initial_states(model_.config(), keys, model_.type());
    const DecodeResult result = decoder_(request);
    if (observer_) observer_(request, result);
    result_.steps.push_back(result.steps);
    for (const RouteDecision& decision : result.decisions)
      for (std::size_t j = 0; j < result_.branch_counts.size(); ++j)
        result_.branch_counts[j] += decision.plan->counts[j];
    std::vector<int32_t> best = most_likely_tokens(result.logits, [&](int64_t) { return name_; });
    MODR_CHECK(std::ssize(best) == answers, "logits of {} tokens instead of {}", best.size(), answers);
    return best;
  }

  bool is_stop(int32_t token) const {
    return std::find(options_.stop_ids.begin(), options_.stop_ids.end(), token) != options_.stop_ids.end();
  }

  const GenerateOptions& options_;
  const GenerateObserver& observer_;
  const ModrModel& model_;
  uint64_t sample_;
  std::string name_;
  std::vector<int32_t> text_;
  int64_t end_;  // length at which generation ends
  Decoder decoder_;
  Generation result_;
};

}  // namespace

Generation generate_speculatively(const ModrModel& model, const Prompt& prompt, const GenerateOptions& options,
                                  const GenerateObserver& observer) {
  if (!decodes_together(model.config(), options.cache, options.num_steps))
    fail("speculation: expected a cache that keeps every recurrence and a router with top_k 1, found cache {} and top_k "
         "{}: words that are checked together would get other results than one after the other",
         options.cache.name, model.config().branches.top_k);
  if (options.exit || options.continuous_compute)
    fail("speculation: expected neither early exit nor continuous compute with it");
  if (options.draft->steps < 1 || options.draft->steps > options.num_steps || options.draft->tokens < 1)
    fail("speculation: expected drafts of at least 1 word with 1 to {} recurrences, found {} words with {}",
         options.num_steps, options.draft->tokens, options.draft->steps);
  if (prompt.tokens.empty()) fail("an empty prompt cannot be continued");
  if (static_cast<int64_t>(prompt.tokens.size()) >= model.config().block_size)
    fail("a prompt of {} tokens leaves no room within the model's block size {}", prompt.tokens.size(),
         model.config().block_size);
  return Speculation(model, prompt, options, observer).run();
}

}  // namespace modr

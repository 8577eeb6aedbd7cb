#include "model/decoder.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "ops/embedding.hpp"
#include "ops/score.hpp"

namespace modr {

namespace {

// Positions continue where the cache ends; padding behind the new tokens stays inside the block.
Indices positions_of(const DecodeCall& call, const KvCache& cache, int64_t block_size) {
  std::vector<int32_t> positions;
  for (int64_t sequence : call.sequences)
    for (int64_t i = 0; i < call.seq; ++i)
      positions.push_back(static_cast<int32_t>(std::min(cache.length(sequence) + i, block_size - 1)));
  return make_indices(std::move(positions));
}

RowMask mask_of(const DecodeCall& call) {
  std::vector<uint8_t> mask;
  for (int64_t count : call.counts)
    for (int64_t i = 0; i < call.seq; ++i) mask.push_back(i < count ? 1 : 0);
  return make_mask(std::move(mask));
}

// The rows whose logits are wanted.
Indices last_rows(const DecodeCall& call) {
  std::vector<int32_t> rows;
  for (std::size_t i = 0; i < call.counts.size(); ++i)
    for (int64_t token = std::max<int64_t>(call.counts[i] - call.last_logits, 0); token < call.counts[i]; ++token)
      rows.push_back(static_cast<int32_t>(static_cast<int64_t>(i) * call.seq + token));
  return make_indices(std::move(rows));
}

}  // namespace

std::vector<int32_t> most_likely_tokens(const Tensor& logits, const std::function<std::string(int64_t)>& sequence_of) {
  std::vector<int32_t> ids = ops::argmax(logits);
  for (std::size_t row = 0; row < ids.size(); ++row)
    if (ids[row] < 0)
      fail("{}: the logits of a token are not finite: the model's weights or states are not",
           sequence_of(static_cast<int64_t>(row)));
  return ids;
}

bool decodes_together(const ModelConfig& model, const CacheConfig& cache, int64_t num_steps) {
  return CoreSlots(cache, model.n_layers_in_recurrent_block).keeps_all(num_steps) &&
         (!model.branches.has_router() || model.branches.top_k == 1);
}

Variable Decoder::features(const Variable& state, const Indices& positions, int64_t seq) {
  const auto window = cache_.coda_window();
  const Offsets sequences = uniform_offsets(state.size(0) / seq, seq);
  return model_.coda().features(model_.coda().normed(state),
                              {sequences, model_.rope_table(), positions, nullptr, nullptr, window.get()});
}

DecodeResult Decoder::operator()(const DecodeCall& call) {
  const NoGrad guard;
  MODR_CHECK(call.exit == nullptr || call.sequences.size() == 1, "an exit rule follows one sequence, not {}",
             call.sequences.size());
  MODR_CHECK(call.exit == nullptr || call.last_logits == 1, "an exit rule follows one token, not {}", call.last_logits);
  MODR_CHECK(!call.tokens_are_units || model_.config().branches.top_k == 1, "tokens by themselves with {} choices each",
             model_.config().branches.top_k);
  for (int64_t count : call.counts) MODR_CHECK(count > 0 && count <= call.seq, "{} of {} new tokens", count, call.seq);
  cache_.begin(call.sequences, call.counts);
  const Indices positions = positions_of(call, cache_, model_.config().block_size);
  const auto prelude_window = cache_.prelude_window();
  const Offsets rows = uniform_offsets(static_cast<int64_t>(call.sequences.size()), call.seq);
  const Variable e = model_.prelude()(model_.prelude().embed(call.ids),
                                    {rows, model_.rope_table(), positions, nullptr, nullptr, prelude_window.get()});
  CoreContext context;
  context.sequences = rows;
  context.mask = mask_of(call);
  context.rope_table = model_.rope_table();
  context.positions = positions;
  context.cache = &cache_;
  context.tokens_are_units = call.tokens_are_units;
  const Variable injected = model_.core().inject(e);
  const Indices last = last_rows(call);
  DecodeResult result;
  Variable state(call.initial_state);
  std::optional<RouteDecision> decision;
  if (call.exit != nullptr) call.exit->begin(call.initial_state, model_.config().vocab_size);
  for (int64_t t = 0; t < call.num_steps; ++t) {
    state = model_.core().step(state, injected, t, decision, context);
    if (model_.core().router() && model_.core().decides_at(t)) result.decisions.push_back(*decision);
    result.steps = t + 1;
    if (call.exit == nullptr) continue;
    Tensor logits;
    if (call.exit->needs_logits())
      logits = model_.coda().head(ops::gather_rows(features(state, positions, call.seq), last)).value().view({-1});
    result.exit_values.push_back(call.exit->update(state.value(), logits));
    if (call.exit->stops()) break;
  }
  const Variable all = features(state, positions, call.seq);
  result.logits = model_.coda().head(ops::gather_rows(all, last)).value();
  result.state = state.value();
  cache_.end(result.steps);
  return result;
}

}  // namespace modr

#include "tools/verify/decoding.hpp"

#include "base/error.hpp"

namespace modr::tools {

StatesOfCalls::StatesOfCalls(const GoldenFile& golden, const ModrModel& model, const std::string& prefill,
                             const std::string& decode)
    : decode_name_(decode), width_(model.config().n_embd), type_(model.type()) {
  if (prefill.empty()) return;
  prefill_ = golden.tensor(prefill, type_).view({-1, width_});
  decode_ = golden.tensor(decode, type_).view({-1, width_});
}

Tensor StatesOfCalls::next(int64_t tokens) {
  const int64_t call = call_++;
  if (!prefill_.defined()) return Tensor::zeros({tokens, width_}, type_);
  const Tensor states = call == 0 ? prefill_ : decode_;
  const int64_t first = call == 0 ? 0 : call - 1;
  if ((call == 0 && states.size(0) != tokens) || first + tokens > states.size(0))
    fail("{}: expected initial states for {} tokens from {} on, found {} rows", call == 0 ? "prefill" : decode_name_,
         tokens, first, states.size(0));
  return states.slice(0, first, first + tokens).clone();
}

void append(std::vector<double>& to, const Tensor& values) {
  const std::vector<double> from = values.to_vector();
  to.insert(to.end(), from.begin(), from.end());
}

void DecodingRecord::add(const DecodeCall& call, const DecodeResult& result) {
  append(logits, result.logits);
  const int64_t last = call.counts.front();
  append(latents, result.state.slice(0, last - 1, last));
  exit_values.push_back(result.exit_values);
  decisions.push_back(result.decisions);
}

}  // namespace modr::tools

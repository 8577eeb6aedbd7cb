#include "tools/verify_decoding.hpp"

namespace modr::tools {

Tensor states_of_call(const GoldenFile& golden, const std::string& prefill, const std::string& decode,
                      const ModrModel& model, int64_t call, int64_t tokens) {
  const int64_t width = model.config().n_embd;
  if (!golden.has(prefill)) return Tensor::zeros({tokens, width}, model.dtype());
  if (call == 0) return golden.file().read_tensor(prefill, model.dtype()).view({-1, width});
  const Tensor rows = golden.file().read_tensor(decode, model.dtype()).view({-1, width});
  return rows.slice(0, call - 1, call).clone();
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

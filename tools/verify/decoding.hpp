#pragma once
// What the checks of generation and of early exit share: the file's initial states, and a record of every call.
#include <string>
#include <vector>

#include "model/generate.hpp"
#include "tools/verify/golden_file.hpp"

namespace modr::tools {

/// The initial states of a sequence's calls: those of the prompt's tokens from dataset `prefill`, then a row a call
/// from dataset `decode`; zeros where `prefill` is empty.
class StatesOfCalls {
 public:
  StatesOfCalls(const GoldenFile& golden, const ModrModel& model, const std::string& prefill,
                const std::string& decode);
  /// Those of the next call, [tokens, n_embd]. Throws Error when the file has another number of them.
  Tensor next(int64_t tokens);

 private:
  std::string decode_name_;
  int64_t width_, call_ = 0;
  TensorType type_;
  Tensor prefill_, decode_;
};

/// What the forward passes of one sequence computed, call after call.
struct DecodingRecord {
  std::vector<double> logits, latents;  // of each call's last token
  std::vector<std::vector<double>> exit_values;
  std::vector<std::vector<RouteDecision>> decisions;

  void add(const DecodeCall& call, const DecodeResult& result);
  GenerateObserver observer() {
    return [this](const DecodeCall& call, const DecodeResult& result) { add(call, result); };
  }
};

/// Adds all values of `values` at the end.
void append(std::vector<double>& to, const Tensor& values);

}  // namespace modr::tools

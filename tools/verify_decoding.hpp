#pragma once
// What the checks of generation and of early exit share: the file's initial states, and a record of every call.
#include <string>
#include <vector>

#include "model/generate.hpp"
#include "tools/golden_file.hpp"

namespace modr::tools {

/// The states of a call: the file's for the prompt, then one row a decoded token; zeros when the file has none.
Tensor states_of_call(const GoldenFile& golden, const std::string& prefill, const std::string& decode,
                      const ModrModel& model, int64_t call, int64_t tokens);

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

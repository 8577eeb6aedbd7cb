#pragma once
#include <string>

#include "eval/config.hpp"
#include "model/generate.hpp"

namespace modr {

/// "criterion" or "criterion:threshold", e.g. "kl:0.001"; without a threshold the criterion's default. Throws Error.
ExitSpec parse_exit_spec(const std::string& text);

/// How a configuration generates with `num_steps` recurrences; answers end at `stop_id`.
GenerateOptions generation_options(const EvalConfig& config, int64_t num_steps, int32_t stop_id);

}  // namespace modr

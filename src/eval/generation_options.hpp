#pragma once
#include <cstdint>

#include "eval/config.hpp"
#include "model/generate.hpp"

namespace modr {

/// How a configuration generates with `num_steps` recurrences; answers end at `stop_id`.
GenerateOptions generation_options(const EvalConfig& config, int64_t num_steps, int32_t stop_id);

}  // namespace modr

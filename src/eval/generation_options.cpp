#include "eval/generation_options.hpp"

namespace modr {

GenerateOptions generation_options(const EvalConfig& config, int64_t num_steps, int32_t stop_id) {
  GenerateOptions options;
  options.num_steps = num_steps;
  options.max_new_tokens = config.max_new_tokens;
  options.stop_ids = {stop_id};
  options.cache = parse_cache_config(config.cache);
  options.seed = config.seed;
  if (!config.exit.empty()) options.exit = parse_exit_spec(config.exit);
  return options;
}

}  // namespace modr

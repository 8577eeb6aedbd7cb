#include "eval/generation_options.hpp"

#include <charconv>
#include <cmath>

#include "base/error.hpp"

namespace modr {

ExitSpec parse_exit_spec(const std::string& text) {
  const auto colon = text.find(':');
  const ExitCriterion criterion = parse_exit_criterion(text.substr(0, colon));
  if (colon == std::string::npos) return {criterion, default_threshold(criterion)};
  const char* begin = text.data() + colon + 1;
  const char* end = text.data() + text.size();
  double threshold = 0;
  const auto [rest, error] = std::from_chars(begin, end, threshold);
  if (error != std::errc{} || rest != end || !std::isfinite(threshold) || threshold < 0)
    fail("expected a threshold of at least 0 behind '{}:', found '{}'", text.substr(0, colon), begin);
  return {criterion, threshold};
}

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

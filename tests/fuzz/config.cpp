// A run's configuration: what `modr train` and a checkpoint's reader make of YAML, and what `modr diff` prints of it.
#include <optional>

#include "config/run_config.hpp"
#include "target.hpp"
#include "tools/cli/config_lines.hpp"

namespace modr::fuzz {

std::string refusal(std::string_view data) {
  const std::string text(data);
  refusal_by([&] { tools::config_lines(text, "input"); });
  std::optional<RunConfig> config;
  const std::string refusal = refusal_by([&] { config = parse_run_config(text, "input"); });
  if (!config) return refusal;
  // An Error from here on is a finding: what was accepted can be written down and read back.
  const std::string written = to_yaml(*config);
  const std::string again = to_yaml(parse_run_config(written, "round trip"));
  require(again == written, "the same config read back, found\n" + again + "after\n" + written);
  return "";
}

}  // namespace modr::fuzz

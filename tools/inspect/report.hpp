#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "checkpoint/checkpoint.hpp"
#include "checkpoint/summary.hpp"

namespace modr::tools {

/// What `modr inspect` found in a file, and how much of it to print.
struct InspectReport {
  std::string path;
  uint64_t bytes = 0;
  CheckpointInfo info;
  CheckpointSummary summary;
  std::optional<double> lora_alpha;  // model.branches.lora_alpha of the stored config; without it norms are unscaled
  bool stats = false;
  bool digest = false;

  /// What a branch's product is multiplied by: alpha / rank, or 1 when alpha is unknown.
  double lora_scale(int64_t rank) const { return lora_alpha ? *lora_alpha / static_cast<double>(rank) : 1.0; }
};

/// For people: aligned columns, the parameters as a tree; escape codes only with `colour`.
std::string to_text(const InspectReport& report, bool colour);
/// One JSON object with a fixed order of keys, indented. Numbers that JSON cannot hold are null.
std::string to_json(const InspectReport& report);

}  // namespace modr::tools

#pragma once
#include <string>
#include <vector>

#include "config/run_config.hpp"

namespace modr {

/// A field that has another value than before, both as a file would have them.
struct FieldChange {
  std::string path;  ///< "model.rope_base"
  std::string before, now;
};

/// The fields of a run file in which two configs differ, in the order of files.
std::vector<FieldChange> changed_fields(const RunConfig& before, const RunConfig& now);

}  // namespace modr

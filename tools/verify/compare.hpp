#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>

#include "checkpoint/h5_file.hpp"
#include "tools/verify/computed.hpp"
#include "tools/verify/report.hpp"

namespace modr::tools {

/// What a reference file claims: the values of every dataset that was not read as an input, by name.
using Reference = std::map<std::string, std::vector<double>>;

/// Reads all of them. `inputs` is complete only once everything was computed (GoldenFile::inputs()).
Reference read_reference(const H5File& file, const std::set<std::string>& inputs);

/// Compares each computed dataset with the file's. A failure, by name: what differs, what was computed and is not in
/// the file, what is in the file and was not computed, a group without anything in it; and when nothing was compared at
/// all.
VerifyReport compare(const Computed& computed, const Reference& reference);

}  // namespace modr::tools

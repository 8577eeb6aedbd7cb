#pragma once
// Unicode's data as unicode_tables.py writes them, in runs over the code points from 0 on; unicode_property.hpp reads
// them.
#include <string_view>
#include <vector>

namespace modr::unicode_tables {

/// "32Cc 1Zs ...": lengths of the runs and their general category.
extern const std::string_view general_categories;
/// "65Zyyy 26Latn ...": lengths of the runs and their script.
extern const std::string_view scripts;
/// "Latn=latin=latn ...": all names of a script, the first as in `scripts`.
extern const std::string_view script_names;
/// "65,90,1,32 ...": first, last, stride, distance: each of these is equal but for its case to the one at the distance.
extern const std::string_view case_runs;

/// "223=115,115 ...": characters that equal several others, which are given in lower case, but for their case.
extern const std::string_view long_foldings;

/// Properties that are true or false: lengths of runs, by turns false and true; false behind the last.
struct BinaryProperty {
  std::string_view name, short_name, runs;
};
extern const std::vector<BinaryProperty> binary_properties;

}  // namespace modr::unicode_tables

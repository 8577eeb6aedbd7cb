#pragma once
#include <map>
#include <string>

namespace modr::tools {

/// A config as "key.path" -> value, in the order of the paths; lists count their entries ("data.files.0"). Throws
/// Error, naming `where`, when the text is not YAML.
std::map<std::string, std::string> config_lines(const std::string& yaml, const std::string& where);

}  // namespace modr::tools

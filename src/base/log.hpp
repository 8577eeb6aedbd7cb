#pragma once
// Talk goes to stderr, as printable() text (colours only on a terminal); data goes to stdout, not this file's business.
#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

namespace modr {

/// Sets the rank that stands in front of every line when `size` > 1; lines of ranks other than 0 show warnings only.
void set_log_rank(int rank, int size);
void log_text(const std::string& text);
void warn_text(const std::string& text);

/// One line as it is, about why the program ends. Like all talk it is lost where stderr cannot be written; never
/// throws.
void say(std::string_view line) noexcept;

/// One line for people, e.g. `log("loaded {} records", n)`.
template <typename... Args>
void log(fmt::format_string<Args...> format, Args&&... args) {
  log_text(fmt::format(format, std::forward<Args>(args)...));
}

/// One line about something that a person should look at.
template <typename... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  warn_text(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace modr

#pragma once
// The checks that raise failures. Library code throws; only tools/ catches.
#include <fmt/format.h>

#include <string>
#include <utility>

#include "base/exceptions.hpp"

namespace modr {

/// Throws Error with a formatted message, e.g. `fail("{}: expected {} rows, found {}", path, n, rows)`.
template <typename... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

namespace detail {
[[noreturn]] void check_failed(const char* file, int line, const char* condition, const std::string& message);
}  // namespace detail

}  // namespace modr

/// A contract between functions: throws Error with source position, condition and the offending values.
#define MODR_CHECK(condition, ...)                                                             \
  do {                                                                                         \
    if (!(condition)) [[unlikely]]                                                             \
      ::modr::detail::check_failed(__FILE__, __LINE__, #condition, fmt::format(__VA_ARGS__));  \
  } while (false)

#pragma once
// The two kinds of failure, and the checks that raise them. Library code throws; only tools/ catches.
#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace modr {

/// A failure that a person can act on: its text names the place (file, field, line, rank) and what was expected.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Wrong use of the command line: `modr` exits with 2 rather than 1.
class UsageError : public Error {
 public:
  using Error::Error;
};

/// What `modr` exits with.
namespace exit_code {
inline constexpr int ok = 0;
inline constexpr int failed = 1;
inline constexpr int wrong_use = 2;
inline constexpr int ranks_lost = 3;   // ranks that disagree or do not come, see comm/comm_error.hpp
inline constexpr int interrupted = 4;  // by a signal or a time limit; all is saved, and to be continued
}  // namespace exit_code

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

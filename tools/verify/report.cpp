#include "tools/verify/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace modr::tools {

void VerifyReport::fail(std::string what, std::string kind, std::string why) {
  add({std::move(what), std::move(kind), std::numeric_limits<double>::infinity(), 0, std::move(why)});
}

bool VerifyReport::passed() const {
  return !rows_.empty() && std::ranges::all_of(rows_, [](const VerifyRow& row) { return row.ok(); });
}

std::string VerifyReport::table(bool colour) const {
  std::size_t width = 4;
  for (const VerifyRow& row : rows_) width = std::max(width, row.what.size());
  std::string text = fmt::format("{:<{}}  {:>10}  {:>10}  {:<8}\n", "what", width, "error", "tolerance", "kind");
  for (const VerifyRow& row : rows_) {
    const bool ok = row.ok();
    const char* verdict = ok ? "ok" : "FAILED";
    const std::string shown = colour ? fmt::format("\033[{}m{}\033[0m", ok ? 32 : 31, verdict) : verdict;
    text += fmt::format("{:<{}}  {:>10.2e}  {:>10.1e}  {:<8}  {}{}{}\n", row.what, width, row.error, row.tolerance,
                        row.kind, shown, row.detail.empty() ? "" : "  ", row.detail);
  }
  return text;
}

}  // namespace modr::tools

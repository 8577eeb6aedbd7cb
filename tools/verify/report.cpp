#include "tools/verify/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/text_table.hpp"

namespace modr::tools {

void VerifyReport::fail(std::string what, std::string kind, std::string why) {
  add({std::move(what), std::move(kind), std::numeric_limits<double>::infinity(), 0, std::move(why)});
}

bool VerifyReport::passed() const {
  return !rows_.empty() && std::ranges::all_of(rows_, [](const VerifyRow& row) { return row.ok(); });
}

std::string VerifyReport::table(bool colour) const {
  using enum TextTable::Align;
  TextTable table({"what", "error", "tolerance", "kind", "", ""}, {left, right, right, left, left, left});
  for (const VerifyRow& row : rows_) {
    const bool ok = row.ok();
    const char* verdict = ok ? "ok" : "FAILED";
    table.add({row.what, fmt::format("{:.2e}", row.error), fmt::format("{:.1e}", row.tolerance), row.kind,
               colour ? fmt::format("\033[{}m{}\033[0m", ok ? 32 : 31, verdict) : verdict, row.detail});
  }
  return table.text();
}

}  // namespace modr::tools

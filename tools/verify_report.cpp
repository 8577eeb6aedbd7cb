#include "tools/verify_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace modr::tools {

void VerifyReport::relative(const std::string& what, const std::vector<double>& got, const std::vector<double>& want,
                            double tolerance) {
  if (got.size() != want.size()) {
    rows_.push_back({what, "relative", std::numeric_limits<double>::infinity(), tolerance,
                     fmt::format("{} values, expected {}", got.size(), want.size())});
    return;
  }
  double largest = 0, difference = 0;
  std::size_t at = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (std::isnan(want[i]) && std::isnan(got[i])) continue;
    if (!std::isnan(want[i])) largest = std::max(largest, std::abs(want[i]));
    const double error = std::abs(got[i] - want[i]);
    if (error > difference || std::isnan(error)) {
      difference = std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
      at = i;
    }
  }
  const double error = difference == 0 ? 0 : difference / std::max(largest, std::numeric_limits<double>::min());
  std::string detail;
  if (!(error <= tolerance)) detail = fmt::format("at {}: {:.8g}, expected {:.8g}", at, got[at], want[at]);
  rows_.push_back({what, "relative", error, tolerance, std::move(detail)});
}

void VerifyReport::relative(const std::string& what, const Tensor& got, const Tensor& want, double tolerance,
                            const RowMask& mask) {
  std::vector<double> have = got.to_vector(), wanted = want.to_vector();
  if (mask) {
    const auto remove_padding = [&](std::vector<double>& values) {
      const std::size_t width = values.size() / mask->size();
      std::vector<double> real;
      for (std::size_t i = 0; i < values.size(); ++i)
        if ((*mask)[i / width] != 0) real.push_back(values[i]);
      values = std::move(real);
    };
    if (have.size() == wanted.size()) {
      remove_padding(have);
      remove_padding(wanted);
    }
  }
  relative(what, have, wanted, tolerance);
}

void VerifyReport::absolute(const std::string& what, double got, double want, double tolerance) {
  const double error = std::isnan(got) ? std::numeric_limits<double>::infinity() : std::abs(got - want);
  rows_.push_back({what, "absolute", error, tolerance, fmt::format("{:.9g}, expected {:.9g}", got, want)});
}

void VerifyReport::exact(const std::string& what, const std::vector<int64_t>& got, const std::vector<int64_t>& want) {
  std::size_t wrong = got.size() == want.size() ? 0 : std::max(got.size(), want.size());
  if (wrong == 0)
    for (std::size_t i = 0; i < got.size(); ++i) wrong += got[i] != want[i];
  rows_.push_back({what, "exact", static_cast<double>(wrong), 0,
                   fmt::format("{} of {} equal", want.size() - std::min(wrong, want.size()), want.size())});
}

bool VerifyReport::passed() const {
  return std::all_of(rows_.begin(), rows_.end(), [](const Row& row) { return row.ok(); });
}

std::string VerifyReport::table(bool colour) const {
  std::size_t width = 4;
  for (const Row& row : rows_) width = std::max(width, row.what.size());
  std::string text = fmt::format("{:<{}}  {:>10}  {:>10}  {:<8}\n", "what", width, "error", "tolerance", "kind");
  for (const Row& row : rows_) {
    const bool ok = row.ok();
    const char* verdict = ok ? "ok" : "FAILED";
    const std::string shown = colour ? fmt::format("\033[{}m{}\033[0m", ok ? 32 : 31, verdict) : verdict;
    text += fmt::format("{:<{}}  {:>10.2e}  {:>10.1e}  {:<8}  {}{}{}\n", row.what, width, row.error, row.tolerance,
                        row.kind, shown, row.detail.empty() ? "" : "  ", row.detail);
  }
  return text;
}

}  // namespace modr::tools

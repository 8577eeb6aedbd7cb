#include "tools/verify/compare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace modr::tools {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// The rows that mean something; nothing when the mask does not fit.
std::vector<double> real_rows(const std::vector<double>& values, const std::vector<uint8_t>& mask) {
  if (mask.empty() || values.size() % mask.size() != 0) return {};
  const std::size_t width = values.size() / mask.size();
  std::vector<double> real;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (mask[i / width] != 0) real.push_back(values[i]);
  return real;
}

// The largest difference, infinite where one of the two is not a number that it may be.
struct Difference {
  double largest = 0, scale = 0;  // max|got - want|, max|want|
  std::size_t at = 0, count = 0;  // of the largest; how many differ
};

Difference difference_of(const std::vector<double>& got, const std::vector<double>& want, bool may_be_nan) {
  Difference found;
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (may_be_nan && std::isnan(want[i]) && std::isnan(got[i])) continue;
    if (std::isfinite(want[i])) found.scale = std::max(found.scale, std::abs(want[i]));
    double error = std::abs(got[i] - want[i]);
    if (std::isnan(error)) error = infinity;
    found.count += error != 0;
    if (error > found.largest) {
      found.largest = error;
      found.at = i;
    }
  }
  return found;
}

VerifyRow row_of(const ComputedValues& computed, const std::vector<double>& reference) {
  constexpr const char* kinds[] = {"relative", "absolute", "exact"};
  VerifyRow row{computed.dataset, kinds[static_cast<int>(computed.judged)], infinity, computed.tolerance, ""};
  if (computed.values.size() != reference.size()) {
    row.detail = fmt::format("{} values, expected {}", computed.values.size(), reference.size());
    return row;
  }
  const bool masked = computed.mask != nullptr;
  const std::vector<double> got = masked ? real_rows(computed.values, computed.mask->values()) : computed.values;
  const std::vector<double> want = masked ? real_rows(reference, computed.mask->values()) : reference;
  if (want.empty()) {
    row.detail = "no values to compare";
    return row;
  }
  const Difference found = difference_of(got, want, computed.may_be_nan);
  if (computed.judged == Judged::exact) {
    row.error = static_cast<double>(found.count);
    row.detail = fmt::format("{} of {} equal", want.size() - found.count, want.size());
    return row;
  }
  row.error = found.largest;
  if (computed.judged == Judged::relative && found.largest != 0)
    row.error /= std::max(found.scale, std::numeric_limits<double>::min());  // zeros have to be zeros
  if (!row.ok() || computed.judged == Judged::absolute)
    row.detail = fmt::format("at {}: {:.9g}, expected {:.9g}", found.at, got[found.at], want[found.at]);
  return row;
}

}  // namespace

Reference read_reference(const H5File& file, const std::set<std::string>& inputs) {
  Reference reference;
  for (const std::string& dataset : file.datasets("")) {
    if (inputs.contains(dataset)) continue;
    const std::string type = file.dataset_type(dataset);
    std::vector<double>& values = reference[dataset];
    if (type.starts_with("int") || type.starts_with("uint")) {
      for (const int64_t value : file.read_ints(dataset)) values.push_back(static_cast<double>(value));
    } else if (type.starts_with("f") || type == "bf16") {
      values = file.read_tensor(dataset, DType::f64).to_vector();
    }  // text and the like: nothing is computed for it, which is all that compare() has to know
  }
  return reference;
}

VerifyReport compare(const Computed& computed, const Reference& reference) {
  VerifyReport report;
  std::set<std::string> compared;
  for (const ComputedValues& values : computed.datasets()) {
    const auto found = reference.find(values.dataset);
    if (found == reference.end())
      report.fail(values.dataset, "missing", "a file of this kind must hold it");
    else if (compared.insert(values.dataset).second)
      report.add(row_of(values, found->second));
    else
      report.fail(values.dataset, "twice", "computed more than once");
  }
  if (compared.empty()) report.fail("(nothing)", "missing", "nothing was compared");
  for (const Verdict& verdict : computed.verdicts()) {
    if (verdict.right) report.add({verdict.group, "verdict", 0, 0, verdict.why});
    else report.fail(verdict.group, "verdict", verdict.why);
  }
  for (const auto& [dataset, values] : reference)
    if (!compared.contains(dataset)) report.fail(dataset, "unknown", "was not compared: nothing is computed for it");
  return report;
}

}  // namespace modr::tools

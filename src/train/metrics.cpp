#include "train/metrics.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/error.hpp"
#include "base/log.hpp"
#include "moe/load_balance.hpp"

namespace modr {

namespace {

// Where the lines of steps up to `last_step` end in a metrics file, in bytes.
int64_t end_of_step(std::ifstream& file, int64_t last_step) {
  int64_t end = 0, at = 0;
  for (std::string line; std::getline(file, line) && !file.eof();) {  // one without its line break was cut short
    at += std::ssize(line) + 1;
    const auto record = nlohmann::json::parse(line, nullptr, false);
    if (!record.is_object()) continue;
    if (record.value("step", last_step + 1) > last_step) break;
    end = at;
  }
  return end;
}

std::string shares_text(const std::vector<int64_t>& counts) {
  const auto total = std::accumulate(counts.begin(), counts.end(), int64_t{0});
  std::string text;
  for (int64_t count : counts)
    text += fmt::format("{}{:.0f}", text.empty() ? "" : "/",
                        100.0 * static_cast<double>(count) / static_cast<double>(std::max<int64_t>(total, 1)));
  return text;
}

// Shares, entropy and the most loaded branch against the mean: of the step, and of each recurrence that decided.
void add_branches(nlohmann::ordered_json& record, const StepResult& result) {
  const std::vector<int64_t> counts = result.branch_counts();
  record["branch_counts"] = counts;
  record["balance_entropy"] = balance_entropy(counts);
  record["max_load"] = max_load(counts);
  if (result.branches.size() < 2) return;
  nlohmann::ordered_json by_recurrence = nlohmann::ordered_json::array();
  for (const std::vector<int64_t>& decision : result.branches)
    by_recurrence.push_back({{"branch_counts", decision},
                             {"balance_entropy", balance_entropy(decision)},
                             {"max_load", max_load(decision)}});
  record["recurrences"] = std::move(by_recurrence);
}

}  // namespace

std::string metrics_json(int64_t step, const StepResult& result, double seconds) {
  nlohmann::ordered_json record{{"step", step},
                                {"loss", result.loss},
                                {"lr", result.lr},
                                {"grad_norm", result.grad_norm},
                                {"tokens", result.tokens},
                                {"label_tokens", result.labels},
                                {"seconds", seconds},
                                {"tokens_per_s", static_cast<double>(result.tokens) / seconds},
                                {"num_steps_no_grad", result.depth.num_steps_no_grad},
                                {"num_steps_with_grad", result.depth.num_steps_with_grad}};
  if (result.bubble) {
    record["bubble"] = result.bubble->measured;
    record["scheduled_bubble"] = result.bubble->theoretical;
  }
  if (!result.branches.empty()) add_branches(record, result);
  if (result.skipped) {
    record["skipped"] = true;
    record["reason"] = result.skipped->reason;
  }
  return record.dump();  // a number that is not finite becomes null
}

Metrics::Metrics(const std::filesystem::path& folder, int64_t first_step, int64_t total_steps, int64_t log_every)
    : path_(folder / "metrics.jsonl"), first_step_(first_step), total_steps_(total_steps), log_every_(log_every) {
  std::ifstream before(path_, std::ios::binary);
  const int64_t end = first_step > 0 ? end_of_step(before, first_step) : 0;
  std::error_code error;
  const auto size = std::filesystem::file_size(path_, error);
  if (!error && size > static_cast<std::uintmax_t>(end))
    std::filesystem::resize_file(path_, static_cast<std::uintmax_t>(end), error);
  else
    error.clear();
  file_.open(path_, std::ios::app);
  if (!file_ || error) fail("{}: cannot be written", path_.string());
}

void copy_metrics_after(const std::filesystem::path& path, int64_t step, const std::filesystem::path& to) {
  std::ifstream from(path, std::ios::binary);
  if (!from) return;
  const int64_t end = end_of_step(from, step);
  from.clear();
  from.seekg(end);
  std::ofstream out(to, std::ios::binary);
  if (from.peek() != std::ifstream::traits_type::eof()) out << from.rdbuf();
  out.flush();
  if (!out) fail("{}: cannot be written", to.string());
}

void Metrics::record(int64_t step, const StepResult& result, double seconds) {
  file_ << metrics_json(step, result, seconds) << '\n' << std::flush;
  if (!file_) fail("{}: cannot be written (is the disk full?)", path_.string());
  seconds_ += seconds;
  tokens_ += result.tokens;
  if (result.skipped)
    warn("step {} is skipped: {} ({})", step, result.skipped->reason, result.skipped->batch);
  else if (step % log_every_ == 0 || step == total_steps_ || step == first_step_ + 1) print(step, result);
}

void Metrics::print(int64_t step, const StepResult& result) {
  const double rate = since_start_.seconds() / static_cast<double>(step - first_step_);
  std::string line = fmt::format("step {}/{}  loss {:.4f}  lr {:.2e}  grad norm {:.3f}  depth {}+{}  {:.0f} tokens/s",
                                 step, total_steps_, result.loss, result.lr, result.grad_norm,
                                 result.depth.num_steps_no_grad, result.depth.num_steps_with_grad,
                                 static_cast<double>(tokens_) / seconds_);
  if (const std::vector<int64_t> counts = result.branch_counts(); !counts.empty())
    line += fmt::format("  branches {} %  entropy {:.2f} bits", shares_text(counts), balance_entropy(counts));
  if (result.bubble)
    line += fmt::format("  bubble {:.0f} % (schedule {:.0f} %)", 100 * result.bubble->measured,
                        100 * result.bubble->theoretical);
  if (step < total_steps_)
    line += fmt::format("  {} left", format_duration(rate * static_cast<double>(total_steps_ - step)));
  log("{}", line);
  seconds_ = 0;
  tokens_ = 0;
}

}  // namespace modr

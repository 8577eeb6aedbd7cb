#include "tools/cli/run_identity.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "config/field_changes.hpp"

namespace modr::tools {

namespace {

enum class Verdict { allowed, warned, refused_data, refused };

// The first that a path begins with decides.
struct Rule {
  std::string_view prefix;
  Verdict verdict;
};

constexpr std::array resume_rules{
    Rule{"model.", Verdict::refused},
    Rule{"data.train", Verdict::allowed},      // their digests say more: files may move
    Rule{"data.tokenizer", Verdict::allowed},
    Rule{"data.", Verdict::refused_data},
    Rule{"optim.", Verdict::warned},
    Rule{"train.steps", Verdict::warned},
    Rule{"train.num_steps_", Verdict::warned},
    Rule{"train.microbatch", Verdict::warned},
    Rule{"train.dtype", Verdict::warned},
    Rule{"train.guard.", Verdict::warned},
};

constexpr std::array initial_rules{
    Rule{"model.branches.", Verdict::warned},
    Rule{"model.mean_", Verdict::warned},
    Rule{"model.block_size", Verdict::warned},
    Rule{"model.", Verdict::refused},
};

Verdict judge(std::span<const Rule> rules, std::string_view path) {
  const auto rule = std::ranges::find_if(rules, [&](const Rule& each) { return path.starts_with(each.prefix); });
  return rule == rules.end() ? Verdict::allowed : rule->verdict;
}

std::string line(const FieldChange& change) {
  return fmt::format("{}: was {}, is {}", change.path, change.before.empty() ? "empty" : change.before,
                     change.now.empty() ? "empty" : change.now);
}

// One line each, under what they are about; nothing when there are none.
void fail_for(const std::string& file, const char* what, const std::vector<std::string>& lines, const char* advice) {
  if (!lines.empty()) fail("{}: {}:\n  {}\n{}", file, what, fmt::join(lines, "\n  "), advice);
}

RunConfig config_of(const CheckpointReader& checkpoint) {
  return parse_run_config(checkpoint.info().config, checkpoint.path().string() + ": config");
}

bool differs(const std::string& before, const std::string& now) {
  return !before.empty() && !now.empty() && before != now;
}

}  // namespace

void check_identity(const CheckpointReader& checkpoint, const RunConfig& now, const DataIdentity& data,
                    bool accepts_changed_data) {
  const std::string file = checkpoint.path().string();
  const CheckpointInfo& info = checkpoint.info();
  const RunConfig before = config_of(checkpoint);
  std::vector<std::string> refused, refused_data;
  for (const FieldChange& change : changed_fields(before, now)) {
    const Verdict verdict = judge(resume_rules, change.path);
    if (verdict == Verdict::refused) refused.push_back(line(change));
    if (verdict == Verdict::refused_data) refused_data.push_back(line(change));
    if (verdict == Verdict::warned) warn("{}: {}", file, line(change));
  }
  const bool other_tokenizer = differs(info.tokenizer_digest, data.tokenizer);
  if (other_tokenizer)
    refused.push_back(fmt::format("the tokenizer: was {} (digest {}), is {} ({})", before.data.tokenizer,
                                  info.tokenizer_digest, now.data.tokenizer, data.tokenizer));
  else if (differs(info.rows_digest, data.rows))
    refused_data.push_back(fmt::format("the training rows: were [{}] (digest {}), are [{}] ({})",
                                       fmt::join(before.data.train, ", "), info.rows_digest,
                                       fmt::join(now.data.train, ", "), data.rows));
  fail_for(file, "the run cannot go on from here, since it is another one now", refused,
           "expected the values that it was trained with, or a new run (train.init_from takes its weights)");
  if (accepts_changed_data)
    for (const std::string& text : refused_data) warn("{}: {}", file, text);
  else
    fail_for(file, "the run would go on with other data, in another order", refused_data,
             "expected the data that it was trained on; --accept-changed-data goes on all the same");
}

void check_initial_weights(const CheckpointReader& checkpoint, const RunConfig& now) {
  const std::string file = checkpoint.path().string();
  const RunConfig before = config_of(checkpoint);
  const bool had_branches = before.model.branches.n_branches > 0, has_branches = now.model.branches.n_branches > 0;
  if (had_branches && !has_branches)
    fail("{}: has {} branches, but the run has none: expected train.mode lora or modr, or a backbone without branches",
         file, before.model.branches.n_branches);
  std::vector<std::string> refused;
  for (const FieldChange& change : changed_fields(before, now)) {
    if (!had_branches && change.path.starts_with("model.branches.")) continue;  // they are new
    const Verdict verdict = judge(initial_rules, change.path);
    if (verdict == Verdict::refused) refused.push_back(line(change));
    if (verdict == Verdict::warned) warn("{}: {}", file, line(change));
  }
  fail_for(file, "these weights (train.init_from) are of another model", refused,
           "expected the model that they were trained in");
}

void check_backbone_is_named(const RunConfig& config) {
  if (config.train.mode == TrainMode::pretrain || !config.train.init_from.empty()) return;
  fail("train.init_from: expected a checkpoint whose backbone train.mode: {} takes, or the word {} for one that is drawn "
       "at random",
       name_of(config.train.mode), TrainConfig::scratch);
}

}  // namespace modr::tools

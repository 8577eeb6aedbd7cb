#include "tools/cli/run_identity.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <utility>
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

// Each change is told in a line of its own; what cannot be is named in the error behind them.
class Changes {
 public:
  explicit Changes(std::string file) : file_(std::move(file)) {}

  void tell(const std::string& what, const std::string& before, const std::string& now, Verdict verdict) {
    if (verdict == Verdict::allowed) return;
    warn("{}: {}: was {}, is {}", file_, what, before.empty() ? "empty" : before, now.empty() ? "empty" : now);
    if (verdict == Verdict::refused) refused_.push_back(what);
    if (verdict == Verdict::refused_data) refused_data_.push_back(what);
  }
  void fail_if_refused(const char* why, const char* advice) const { fail_for(refused_, why, advice); }
  void fail_if_data_refused(const char* why, const char* advice) const { fail_for(refused_data_, why, advice); }

 private:
  void fail_for(const std::vector<std::string>& what, const char* why, const char* advice) const {
    if (!what.empty()) fail("{}: {} ({}): {}", file_, why, fmt::join(what, ", "), advice);
  }

  std::string file_;
  std::vector<std::string> refused_, refused_data_;
};

RunConfig config_of(const CheckpointReader& checkpoint) {
  return parse_run_config(checkpoint.info().config, checkpoint.path().string() + ": config");
}

bool differs(const std::string& before, const std::string& now) {
  return !before.empty() && !now.empty() && before != now;
}

}  // namespace

void check_identity(const CheckpointReader& checkpoint, const RunConfig& now, const DataIdentity& data,
                    bool accepts_changed_data) {
  const CheckpointInfo& info = checkpoint.info();
  const RunConfig before = config_of(checkpoint);
  Changes changes(checkpoint.path().string());
  for (const FieldChange& change : changed_fields(before, now))
    changes.tell(change.path, change.before, change.now, judge(resume_rules, change.path));
  const auto known_as = [](const std::string& name, const std::string& digest) {
    return fmt::format("{} (digest {})", name.empty() ? "that of bytes" : name, digest);
  };
  if (differs(info.tokenizer_digest, data.tokenizer))
    changes.tell("the tokenizer", known_as(before.data.tokenizer, info.tokenizer_digest),
                 known_as(now.data.tokenizer, data.tokenizer), Verdict::refused);
  else if (differs(info.rows_digest, data.rows))
    changes.tell("the training rows", known_as(fmt::format("{}", fmt::join(before.data.train, ", ")), info.rows_digest),
                 known_as(fmt::format("{}", fmt::join(now.data.train, ", ")), data.rows), Verdict::refused_data);
  changes.fail_if_refused("the run cannot go on from here as another one",
                          "expected what it was trained with, or a new run (train.init_from takes its weights)");
  if (!accepts_changed_data)
    changes.fail_if_data_refused("the run would go on with other data, in another order",
                                 "expected the data that it was trained on; --accept-changed-data goes on all the same");
}

void check_initial_weights(const CheckpointReader& checkpoint, const RunConfig& now) {
  const RunConfig before = config_of(checkpoint);
  const bool had_branches = before.model.branches.n_branches > 0, has_branches = now.model.branches.n_branches > 0;
  if (had_branches && !has_branches)
    fail("{}: has {} branches, but the run has none: expected train.mode lora or modr, or a backbone without branches",
         checkpoint.path().string(), before.model.branches.n_branches);
  Changes changes(checkpoint.path().string());
  for (const FieldChange& change : changed_fields(before, now)) {
    if (!had_branches && change.path.starts_with("model.branches.")) continue;  // they are new
    changes.tell(change.path, change.before, change.now, judge(initial_rules, change.path));
  }
  changes.fail_if_refused("train.init_from has the weights of another model",
                          "expected the model that they were trained in");
}

void check_backbone_is_named(const RunConfig& config) {
  if (config.train.mode == TrainMode::pretrain || !config.train.init_from.empty()) return;
  fail("train.init_from: expected a checkpoint whose backbone train.mode: {} takes, or the word {} for one that is drawn "
       "at random",
       name_of(config.train.mode), TrainConfig::scratch);
}

}  // namespace modr::tools
